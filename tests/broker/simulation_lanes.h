#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/core/lane_key.h"
#include "store/cursors.h"

namespace portcall::broker {

// Which events must go before which (docs/delivery.md §3), told from what is stored alone, however the core keeps its
// lanes: an event goes behind all earlier ones of its lane, by the order that was in force where it was read.
class PromisedLanes {
 public:
  explicit PromisedLanes(Laning laning) : epochs_{{0, laning}} {}

  // A start with these rows: what the cursor has not passed is read by `laning`. Where lanes grow by that, what waits
  // in the old ones goes first, and with it what the rows know beyond the cursor. True: events must be added anew.
  bool Change(Laning laning, store::Seq settled_through, const std::vector<store::ParkedLane>& rows);
  Laning At(store::Seq seq) const;

  void Clear() { lines_ = {}; }
  void Add(const store::Event& event);  // one that is wanted, in the log's order
  // The first event of its lane ahead of it that has not ended, 0: none. What has ended stays so.
  template <class Ended>
  store::Seq FirstAhead(const store::Event& event, const Ended& ended) {
    const Laning laning = At(event.seq);
    if (laning == Laning::kNone) return 0;
    Line& line = lines_[static_cast<std::size_t>(laning)][LaneOf(event, laning)];
    while (line.ended < line.events.size() && ended(line.events[line.ended])) ++line.ended;
    const bool waits = line.ended < line.events.size() && line.events[line.ended] < event.seq;
    return waits ? line.events[line.ended] : 0;
  }

 private:
  struct Line {
    std::vector<store::Seq> events;
    std::size_t ended = 0;  // of the first ones
  };
  std::vector<std::pair<store::Seq, Laning>> epochs_;  // each holds for events after its first
  std::array<std::unordered_map<std::string, Line>, 4> lines_;
};

// Of a stored row, the key under which an event would have it; nullptr: there is none.
template <class Rows>
auto FindRow(const Rows& rows, const store::Event& event) {
  for (const Laning laning : {Laning::kRepository, Laning::kTag, Laning::kNone}) {
    if (const auto at = rows.find(LaneOf(event, laning)); at != rows.end()) return &at->second;
  }
  return static_cast<decltype(&rows.begin()->second)>(nullptr);
}

}  // namespace portcall::broker
