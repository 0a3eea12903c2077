#include "broker/core/expiry.h"

#include <algorithm>
#include <utility>

#include "broker/core/lane.h"
#include "broker/core/lane_key.h"

namespace portcall::broker {

Expiry::Expiry(const store::Cursor& cursor, std::vector<store::ParkedLane> rows, Filter filter, store::Seq through)
    : cursor_(cursor),
      rows_(std::move(rows)),
      filter_(std::move(filter)),
      first_(cursor.settled_through + 1),
      through_(cursor.kind == store::CursorKind::kLive ? through : std::min(through, cursor.through)) {
  for (const store::ParkedLane& row : rows_) {
    first_ = std::min(first_, row.next_seq);
    by_lane_.emplace(row.lane, &row);
  }
}

// Before the cursor, events are settled unless a row still covers them; after it, only if a row has moved past them.
bool Expiry::IsSettled(const store::Event& event) const {
  const bool ahead = event.seq > cursor_.settled_through;
  if (rows_.empty()) return !ahead;
  for (const Laning laning : {Laning::kRepository, Laning::kTag, Laning::kNone}) {
    const auto found = by_lane_.find(LaneOf(event, laning));
    if (found != by_lane_.end() && (event.seq < found->second->next_seq) == ahead) return ahead;
  }
  return !ahead;
}

bool Expiry::Take(const store::Event& event) {
  if (event.seq < first_ || event.seq > through_ || !filter_.Wants(event)) return false;
  const bool ahead = event.seq > cursor_.settled_through;
  if (ahead && event.seq > cursor_.through) ++uncounted_;
  if (IsSettled(event)) {
    if (ahead) ++settled_before_;
    return false;
  }
  ++expired_;
  return true;
}

store::Settlement Expiry::Finish(std::int64_t wall_now) const {
  store::Settlement settlement;
  settlement.cursor = cursor_.id;
  settlement.settled_through = std::max(cursor_.settled_through, through_);
  settlement.through = std::max(cursor_.through, through_);
  settlement.matched = cursor_.matched + uncounted_;
  settlement.settled = cursor_.settled + settled_before_ + expired_;
  settlement.pace = cursor_.pace;
  for (const store::ParkedLane& row : rows_) {
    if (row.next_seq > through_) continue;
    const LaneKey::Kind kind = LaneKey::Parse(row.lane).kind;
    const bool repository = kind == LaneKey::Kind::kRepository || kind == LaneKey::Kind::kTag;
    if (!repository || through_ >= cursor_.settled_through) {
      settlement.unpark.push_back(row.lane);
    } else {
      settlement.park.push_back(
          {.lane = row.lane, .next_seq = through_ + 1, .due = wall_now, .reason = std::string(kReasonInFlight)});
    }
  }
  if (expired_ == 0) return settlement;
  store::DeadLetter dead;
  dead.cursor = cursor_.id;
  dead.endpoint = cursor_.endpoint;
  dead.event.seq = first_;
  dead.through = through_;
  dead.events = expired_;
  dead.died_at = wall_now;
  dead.reason = "expired";
  settlement.dead.push_back(std::move(dead));
  return settlement;
}

std::vector<store::ParkedLane> Expiry::RowsAfter(const store::Settlement& settlement) const {
  std::vector<store::ParkedLane> rows = settlement.park;
  for (const store::ParkedLane& row : rows_) {
    if (row.next_seq > through_) rows.push_back(row);
  }
  return rows;
}

}  // namespace portcall::broker
