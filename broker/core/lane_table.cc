#include "broker/core/lane_table.h"

#include <algorithm>
#include <utility>

namespace portcall::broker {

std::size_t LaneTable::Hash::operator()(const LaneKey& key) const {
  const std::hash<std::string_view> hash;
  std::size_t sum = hash(key.repository) + static_cast<std::size_t>(key.seq);
  if (!key.source.empty()) sum ^= hash(key.source) * 0x9e3779b97f4a7c15ull;
  if (!key.tag.empty()) sum ^= hash(key.tag) * 0xc2b2ae3d27d4eb4full;
  return sum;
}

// Where a row speaks of a larger lane, that one takes its events until it has run empty and its row is gone: otherwise
// a later event could go before an earlier one, and after a restart both lanes would have it.
Lane& LaneTable::Of(const store::Event& event) {
  const Laning laning = LaningAt(event.seq);
  if (laning == Laning::kStrict) return Named(store::LaneOfAll());
  const auto takes = [](const Lane& lane) { return !lane.unused() || lane.row.exists || lane.row.dirty; };
  if (laning == Laning::kRepository || mixed_) {
    const auto found = lanes_.find(LaneKey{LaneKey::Kind::kRepository, event.source, event.repository, {}, 0});
    if (found != lanes_.end() && (laning == Laning::kRepository || takes(found->second))) return found->second;
  }
  if (laning == Laning::kTag || (laning == Laning::kNone && mixed_)) {
    const auto found = lanes_.find(LaneKey{LaneKey::Kind::kTag, event.source, event.repository, event.tag, 0});
    if (found != lanes_.end() && (laning == Laning::kTag || takes(found->second))) return found->second;
  }
  return Insert(LaneOf(event, laning));
}

bool LaneTable::old_lanes_left() const {
  return std::ranges::any_of(lanes_, [this](const auto& named) {
    const Lane& lane = named.second;
    return IsSmaller(lane.kind, laning_) && (!lane.unused() || lane.row.exists || lane.row.dirty);
  });
}

Lane& LaneTable::Named(std::string_view key) {
  const auto found = lanes_.find(key);
  return found != lanes_.end() ? found->second : Insert(std::string(key));
}

Lane& LaneTable::Insert(std::string key) {  // or finds it
  const auto [at, inserted] = lanes_.try_emplace(std::move(key));
  Lane& lane = at->second;
  if (!inserted) return lane;
  lane.key = at->first;
  lane.kind = LaneKey::Parse(lane.key).kind;
  const Laning present = change_ ? change_->old : laning_;
  const bool repository = lane.kind == LaneKey::Kind::kRepository, tag = lane.kind == LaneKey::Kind::kTag;
  if ((repository && present != Laning::kRepository) || (tag && present == Laning::kNone)) mixed_ = true;
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(cells_.size()));
    cells_.push_back(nullptr);
  }
  lane.id = {++last_number_, free_.back()};
  free_.pop_back();
  cells_[lane.id.cell] = &lane;
  return lane;
}

void LaneTable::Drop(Lane& lane) {
  cells_[lane.id.cell] = nullptr;
  free_.push_back(lane.id.cell);
  lanes_.erase(lanes_.find(lane.key));
}

void LaneTable::Clear() {
  lanes_.clear();
  cells_.clear();
  free_.clear();
  mixed_ = false;
  change_.reset();
}

}  // namespace portcall::broker
