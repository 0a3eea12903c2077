#include "tests/broker/simulation_lanes.h"

#include <algorithm>

#include "broker/core/lane.h"

namespace portcall::broker {
namespace {

int Fineness(Laning laning) {
  switch (laning) {
    case Laning::kStrict:
      return 0;
    case Laning::kRepository:
      return 1;
    case Laning::kTag:
      return 2;
    case Laning::kNone:
      break;
  }
  return 3;
}

int Fineness(const store::ParkedLane& row) {
  switch (LaneKey::Parse(row.lane).kind) {
    case LaneKey::Kind::kStrict:
      return 0;
    case LaneKey::Kind::kRepository:
      return 1;
    case LaneKey::Kind::kTag:
      return 2;
    case LaneKey::Kind::kSingle:
      break;
  }
  return 3;
}

}  // namespace

bool PromisedLanes::Change(Laning laning, store::Seq settled_through, const std::vector<store::ParkedLane>& rows) {
  store::Seq after = settled_through;
  const auto finer = [&](const store::ParkedLane& row) { return Fineness(row) > Fineness(laning); };
  if (std::ranges::any_of(rows, finer)) {
    for (const store::ParkedLane& row : rows) {
      const bool tried = row.attempts > 0 || row.started;
      after = std::max(after, tried ? row.next_seq : row.next_seq - 1);
    }
  }
  while (epochs_.size() > 1 && epochs_.back().first >= after) epochs_.pop_back();
  if (epochs_.back().second == laning) return false;
  epochs_.emplace_back(after, laning);
  return true;
}

Laning PromisedLanes::At(store::Seq seq) const {
  Laning laning = epochs_.front().second;
  for (const auto& [after, next] : epochs_) {
    if (seq > after) laning = next;
  }
  return laning;
}

void PromisedLanes::Add(const store::Event& event) {
  for (const Laning laning : {Laning::kRepository, Laning::kTag, Laning::kStrict}) {
    const bool used = std::ranges::any_of(epochs_, [&](const auto& epoch) { return epoch.second == laning; });
    if (used) lines_[static_cast<std::size_t>(laning)][LaneOf(event, laning)].events.push_back(event.seq);
  }
}

}  // namespace portcall::broker
