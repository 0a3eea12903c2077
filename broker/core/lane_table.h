#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/lane.h"
#include "broker/core/lane_change.h"

namespace portcall::broker {

// An endpoint's lanes by name and by id. Lanes never move. Finding an event's lane allocates nothing once the lane is
// known. One thread.
class LaneTable {
 public:
  explicit LaneTable(Laning laning) : laning_(laning) {}
  LaneTable(const LaneTable&) = delete;

  Lane& Of(const store::Event& event);
  // Events go by the lanes of before the change, as far as that reaches. Until EndChange.
  void Begin(const LaneChange& change) { change_ = change; }
  void EndChange() { change_.reset(); }
  const std::optional<LaneChange>& change() const { return change_; }
  bool old_lanes_left() const;  // what they hold is neither settled nor without a row
  Lane& Named(std::string_view key);
  Lane* Find(LaneId id) const {  // nullptr: it is gone
    Lane* lane = id.cell < cells_.size() ? cells_[id.cell] : nullptr;
    return lane != nullptr && lane->id == id ? lane : nullptr;
  }
  void Drop(Lane& lane);
  void Clear();
  std::size_t size() const { return lanes_.size(); }
  auto begin() { return lanes_.begin(); }
  auto end() { return lanes_.end(); }
  auto begin() const { return lanes_.begin(); }
  auto end() const { return lanes_.end(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const LaneKey& key) const;
    std::size_t operator()(std::string_view key) const { return (*this)(LaneKey::Parse(key)); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a == b; }
    bool operator()(const LaneKey& a, std::string_view b) const { return a.IsNamed(b); }
    bool operator()(std::string_view a, const LaneKey& b) const { return b.IsNamed(a); }
  };
  Lane& Insert(std::string key);
  Laning LaningAt(store::Seq seq) const { return change_ && seq <= change_->through ? change_->old : laning_; }

  const Laning laning_;
  bool mixed_ = false;  // some lanes are larger than those that are made now
  std::optional<LaneChange> change_;
  std::unordered_map<std::string, Lane, Hash, Equal> lanes_;
  std::vector<Lane*> cells_;  // by LaneId::cell, nullptr: free
  std::vector<std::uint32_t> free_;
  std::uint64_t last_number_ = 0;
};

}  // namespace portcall::broker
