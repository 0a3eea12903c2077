#include <algorithm>
#include <utility>

#include "broker/core/endpoint_core.h"

// The part of EndpointCore that plans what a flush writes.
namespace portcall::broker {
namespace {

bool AsksOutcome(const Policy& policy, const Lane& lane) {
  if (policy.retry_on_timeout || lane.failing.sentence) return false;
  return lane.state() == LaneState::kStarting || lane.state() == LaneState::kInFlight;
}

// The event that the lane's row stands for.
store::Seq FirstOf(const Policy& policy, const Lane& lane) {
  const bool front = AsksOutcome(policy, lane) || lane.kind == LaneKey::Kind::kStrict || !lane.behind.parked;
  return front && !lane.queue.empty() ? lane.queue.front().event->seq : lane.behind.next_seq;
}

// Its trial is not that of an event which is settled or not wanted.
bool TriesFirst(const Policy& policy, const Lane& lane) {
  return lane.failing.attempts > 0 && lane.failing.seq == FirstOf(policy, lane);
}

// What a row stores of the trial of its first event.
struct Ages {
  Ticks age = 0, refused = 0;
};

Ages AgesOf(const Policy& policy, const Lane& lane, const Pace& pace, Moment now) {
  if (!TriesFirst(policy, lane)) return {};
  const Lane::Failing& failing = lane.failing;
  return {pace.ActiveAt(now.ticks) - failing.first_attempt,
          failing.refused.since ? pace.AnsweringAt(now.ticks) - *failing.refused.since : 0};
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

void EndpointCore::Release(Lane& lane, std::size_t kept) {
  for (std::size_t i = kept; i < lane.queue.size(); ++i) progress_.Forget(lane.queue.at(i).bytes);
  lane.queue.Truncate(kept);
}

void EndpointCore::MarkDirty(Lane& lane, Moment now) {
  ledger_.Touch(now.ticks);
  lines_.MarkDirty(lane);
}

// Moves the lane's events behind the cursor. The front event and those in flight stay in memory, and so do a few more
// for the lane's next turns.
void EndpointCore::PassLane(Lane& lane, std::string_view reason, Moment now) {
  if (!lane.was_started() && (lane.failing.attempts == 0 || lane.failing.reason.empty())) lane.failing.reason = reason;
  lane.behind.next_seq = lane.queue.front().event->seq;
  lane.behind.next_bytes = lane.queue.front().bytes;
  lane.behind.recorded_at = lane.queue.front().event->recorded_at;
  if (!lane.behind.parked) lane.behind.loaded_through = lane.behind.passed_through = lane.behind.next_seq;
  lines_.SetParked(lane, true);
  const bool whole = lane.behind.complete();
  std::size_t kept = 0, bytes = 0;
  for (std::size_t i = 0; i < lane.queue.size(); ++i) {
    LaneQueue::Entry& entry = lane.queue.at(i);
    if (entry.slot != kNoSlot) {
      progress_.Pass(std::exchange(entry.slot, kNoSlot));
      lane.behind.passed_through = std::max(lane.behind.passed_through, entry.event->seq);
    }
    bytes += entry.bytes;
    if (i == 0 || i < lane.flight.sent || MayStayLoaded(i + 1, bytes)) kept = i + 1;
  }
  if (whole || kept < lane.queue.size()) lane.behind.loaded_through = lane.queue.at(kept - 1).event->seq;
  Release(lane, kept);
  const bool all_sent = lane.state() == LaneState::kReady && lane.flight.sent == kept;
  if (all_sent) lines_.Leave(lane, LaneState::kInFlight);
  MarkDirty(lane, now);
}

// Whether a passed lane keeps so many events in memory for its next turns: not while the endpoint is closed, since only
// what is read on finds what it takes. Where lanes are not pipelined, many of them
// share the room.
bool EndpointCore::MayStayLoaded(std::size_t events, std::size_t bytes) const {
  if (policy_.collapses || pace_.shut() || events > policy_.lane_page || held() >= policy_.max_held) return false;
  return policy_.pipelines || bytes <= policy_.max_bytes / (2 * static_cast<std::size_t>(policy_.window));
}

// Where nothing can be sent but what a few lanes have in flight, these are passed: their rows remember them, and what
// lies behind them in the log is read. They are fewer than the window has places.
void EndpointCore::MakeRoom(Moment now) {
  const bool full = slots() + policy_.refill > policy_.look_ahead || !HasRoom(0);
  if (!full || progress_.at_head() || !MayScan() || flights_.sending() >= window()) return;
  if (lines_.ready() > 0 && !pace_.shut()) return;
  const auto waiting = [this] { return bytes() - flights_.bytes(); };
  while (slots() > policy_.look_ahead / 2 || (slots() > 0 && waiting() >= policy_.max_bytes / 4)) {
    Lane& lane = lines_.At(progress_.first().lane);
    if (lane.kind == LaneKey::Kind::kStrict || held_by_parking()) return;
    PassLane(lane, kReasonInFlight, now);
  }
}

// Passes an event that holds back settled ones for too long, or too many: its lane remembers it. With `all`, passes
// every such event, or what was delivered behind it would be sent again and flushing would not come to an end.
void EndpointCore::PassObstacles(Moment now, bool all) {
  // A collapsing endpoint must read the whole log, so events that hold the cursor may fill only part of the look-ahead.
  const std::size_t most = policy_.collapses ? policy_.look_ahead / 8 : policy_.look_ahead;
  while (slots() > 0 && (progress_.held_back() > 0 || slots() > most)) {
    Slots::Slot& front = progress_.first();
    Lane& lane = lines_.At(front.lane);
    if (lane.kind == LaneKey::Kind::kStrict) return;
    if (front.front_since == kNever) front.front_since = now.ticks;
    const bool in_flight = lane.flight.sent > 0 && lane.state() != LaneState::kStarting;
    const bool slow = in_flight && now.ticks - lane.queue.front().claimed_at >= policy_.max_hold;
    const bool long_ago = now.ticks - front.front_since >= policy_.max_hold;
    const bool many = progress_.held_back() > policy_.max_held_back || slots() > most;
    if (!all && !slow && !long_ago && !many) return;
    PassLane(lane, kReasonInFlight, now);
  }
}

std::optional<store::Settlement> EndpointCore::TakeSettlement(Moment now, bool everything) {
  if (ledger_.flushing()) return std::nullopt;
  const Ticks due = ledger_.due();
  if (due == kNever || (!everything && due > now.ticks)) return std::nullopt;
  if (stopped_) starts_.Withdraw();
  if (starts_.any_withdrawn()) GiveBackStarts(now);
  PassObstacles(now, everything || stopped_);
  store::Settlement settlement;
  settlement.cursor = cursor_;
  progress_.Store(settlement, lines_.DecidedThrough(settled_through()));
  PaceRow pace = pace_.Row(now);
  pace.entry = entry_;
  settlement.pace = pace.Write();
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
  EndChange();
  if (starts_.any_withdrawn()) ledger_.Hurry();
}

void EndpointCore::Stop(bool stopped) {
  stopped_ = stopped;
  if (stopped_) starts_.Withdraw();
  if (starts_.any_withdrawn()) ledger_.Hurry();
}

void EndpointCore::RenewAges(Moment now) {
  for (auto& [key, lane] : lines_.all()) {
    if (!lane.row.exists) continue;
    const auto [age, refused] = AgesOf(policy_, lane, pace_, now);
    if (age != lane.row.age || refused != lane.row.refused) MarkDirty(lane, now);
  }
}

void EndpointCore::WriteRows(store::Settlement& settlement, Moment now) {
  std::vector<LaneId> later;
  for (const LaneId id : lines_.TakeDirty()) {
    Lane& lane = lines_.At(id);
    Lines::Clean(lane);
    const bool ahead = lane.done_through > settlement.settled_through;
    if (lane.behind.parked || ahead || lane.failing.begun() || AsksOutcome(policy_, lane)) {
      settlement.park.push_back(RowOf(lane, now));
      lane.row.age = settlement.park.back().age;
      lane.row.refused = settlement.park.back().refused;
      lane.row.exists = true;
      if (ahead && !lane.behind.parked) later.push_back(id);
    } else {
      if (std::exchange(lane.row.exists, false)) settlement.unpark.emplace_back(lane.key);
      lines_.DropIfForgettable(lane, settled_through());
    }
  }
  for (const LaneId id : later) lines_.MarkDirty(lines_.At(id));  // looked at again once the cursor has moved
}

store::ParkedLane EndpointCore::RowOf(const Lane& lane, Moment now) const {
  store::ParkedLane row;
  row.lane = lane.key;
  const Lane::Failing& failing = lane.failing;
  const bool asks = AsksOutcome(policy_, lane);
  row.next_seq = FirstOf(policy_, lane);
  if (TriesFirst(policy_, lane)) {
    row.attempts = failing.attempts;
    row.probes = failing.probes;
    row.streak = static_cast<std::int64_t>(failing.refused.streak);
  }
  const auto [age, refused] = AgesOf(policy_, lane, pace_, now);
  row.age = age;
  row.refused = refused;
  row.due = now.wall + std::max<Ticks>(0, lane.state() == LaneState::kWaiting ? lane.due - now.ticks : 0);
  row.recorded_at = lane.oldest_recorded();
  row.reason = kReasonInFlight;
  row.started = asks || (failing.started && failing.seq == row.next_seq);
  if (row.started) {
    row.reason = kReasonStarted;
  } else if (!failing.reason.empty() && !failing.started) {
    row.reason = failing.reason;
  }
  return row;
}

}  // namespace portcall::broker
