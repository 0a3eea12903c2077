#include <algorithm>
#include <utility>

#include "broker/core/endpoint_core.h"

// The part of EndpointCore that plans what a flush writes.
namespace portcall::broker {
namespace {

bool AsksOutcome(const Policy& policy, const Lane& lane) {
  return !policy.retry_on_timeout && (lane.state == Lane::State::kStarting || lane.state == Lane::State::kInFlight);
}

}  // namespace

void EndpointCore::Counted(std::int64_t matched, store::Seq through, Moment now) {
  progress_.Counted(matched, through);
  ledger_.TouchQuietly(now.ticks);
}

void EndpointCore::Recounted(std::int64_t pending, store::Seq through, Moment now) {
  progress_.Recounted(pending, through);
  ledger_.TouchQuietly(now.ticks);
}

void EndpointCore::SetParked(Lane& lane, bool parked) {
  if (lane.parked == parked) return;
  lane.parked = parked;
  parked_ += parked ? 1 : -1;
}

void EndpointCore::MarkDirty(Lane& lane, Ticks now) {
  ledger_.Touch(now);
  if (std::exchange(lane.dirty, true)) return;
  dirty_.push_back(&lane);
}

// Moves the lane's events behind the cursor. The front event and those in flight stay in memory, and so do a few more
// for the lane's next turns.
void EndpointCore::PassLane(Lane& lane, std::string_view reason, Moment now) {
  if (!lane.was_started() && (lane.attempts == 0 || lane.reason.empty())) lane.reason = reason;
  lane.next_seq = lane.front().event->seq;
  lane.recorded_at = lane.front().event->recorded_at;
  if (!lane.parked) lane.loaded_through = lane.passed_through = lane.next_seq;
  SetParked(lane, true);
  const bool whole = lane.complete();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < lane.size(); ++i) {
    Lane::Entry& entry = lane.at(i);
    if (entry.slot != kNoSlot) {
      progress_.Pass(std::exchange(entry.slot, kNoSlot));
      lane.passed_through = std::max(lane.passed_through, entry.event->seq);
    }
    const bool spare = !policy_.collapses && i < policy_.lane_page && held() < policy_.max_held;
    if (i == 0 || i < lane.sent || spare) kept = i + 1;
  }
  if (whole || kept < lane.size()) lane.loaded_through = lane.at(kept - 1).event->seq;
  Release(lane, kept);
  MarkDirty(lane, now.ticks);
}

// Passes an event that holds back settled ones for too long, or too many: its lane remembers it. With `all`, passes
// every such event, or what was delivered behind it would be sent again and flushing would not come to an end.
void EndpointCore::PassObstacles(Moment now, bool all) {
  // A collapsing endpoint must read the whole log, so events that hold the cursor may fill only part of the look-ahead.
  const std::size_t most = policy_.collapses ? policy_.look_ahead / 8 : policy_.look_ahead;
  while (slots() > 0 && (progress_.held_back() > 0 || slots() > most)) {
    Slots::Slot& front = progress_.first();
    Lane& lane = *front.lane;
    if (lane.kind == LaneKey::Kind::kStrict) return;
    if (front.front_since == kNever) front.front_since = now.ticks;
    const bool in_flight = lane.sent > 0 && lane.state != Lane::State::kStarting;
    const bool slow = in_flight && now.ticks - lane.front().claimed_at >= policy_.max_hold;
    const bool long_ago = now.ticks - front.front_since >= policy_.max_hold;
    const bool many = progress_.held_back() > policy_.max_held_back || slots() > most;
    if (!all && !slow && !long_ago && !many) return;
    PassLane(lane, kInFlight, now);
  }
}

std::optional<store::Settlement> EndpointCore::TakeSettlement(Moment now, bool everything) {
  if (ledger_.flushing()) return std::nullopt;
  const Ticks due = ledger_.due();
  if (due == kNever || (!everything && due > now.ticks)) return std::nullopt;
  if (stopped_) GiveBackStarts(now);
  PassObstacles(now, everything || stopped_);
  store::Settlement settlement;
  settlement.cursor = cursor_;
  progress_.Store(settlement, DecidedThrough(settled_through()));
  WriteRows(settlement, now);
  ledger_.Take(settlement, progress_.held_back());
  if (progress_.held_back() > 0 && !everything) ledger_.Touch(now.ticks);
  starts_.FlushBegun();
  return settlement;
}

void EndpointCore::Flushed() {
  ledger_.Flushed();
  progress_.Flushed();
  starts_.Flushed();
  if (stopped_ && starts_.any_durable()) ledger_.Hurry();
}

void EndpointCore::Stop(bool stopped) {
  stopped_ = stopped;
  if (stopped_ && starts_.any_durable()) ledger_.Hurry();
}

void EndpointCore::RenewAges(Moment now) {
  for (auto& [key, lane] : lanes_) {
    if (lane.has_row && RowOf(lane, now).age != lane.stored_age) MarkDirty(lane, now.ticks);
  }
}

void EndpointCore::WriteRows(store::Settlement& settlement, Moment now) {
  std::vector<Lane*> later;
  for (Lane* lane : std::exchange(dirty_, {})) {
    lane->dirty = false;
    const bool ahead = lane->done_through > settlement.settled_through;
    const bool failing = lane->attempts > 0 || lane->reason == kStarted;
    if (lane->parked || ahead || failing || AsksOutcome(policy_, *lane)) {
      settlement.park.push_back(RowOf(*lane, now));
      lane->stored_age = settlement.park.back().age;
      lane->has_row = true;
      if (ahead && !lane->parked) later.push_back(lane);
    } else {
      if (std::exchange(lane->has_row, false)) settlement.unpark.emplace_back(lane->key);
      MaybeDrop(*lane);
    }
  }
  for (Lane* lane : later) lane->dirty = true;  // looked at again once the cursor has moved
  dirty_ = std::move(later);
}

store::ParkedLane EndpointCore::RowOf(const Lane& lane, Moment now) const {
  store::ParkedLane row;
  row.lane = lane.key;
  const bool front = AsksOutcome(policy_, lane) || lane.kind == LaneKey::Kind::kStrict;
  row.next_seq = front && !lane.empty() ? lane.front().event->seq : lane.next_seq;
  if (lane.failing == row.next_seq && lane.attempts > 0) {  // not those of an event that is settled or no longer wanted
    row.attempts = lane.attempts;
    row.age = pace_.ActiveAt(now.ticks) - lane.first_attempt;
  }
  row.due = now.wall + std::max<Ticks>(0, lane.state == Lane::State::kWaiting ? lane.due - now.ticks : 0);
  row.recorded_at = lane.oldest_recorded();
  row.reason = AsksOutcome(policy_, lane) ? kStarted : lane.reason.empty() ? kInFlight : std::string_view(lane.reason);
  return row;
}

}  // namespace portcall::broker
