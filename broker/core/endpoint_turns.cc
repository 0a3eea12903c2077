#include <algorithm>
#include <memory>
#include <utility>

#include "broker/core/endpoint_core.h"

// The part of EndpointCore that says what may be loaded and read, and whose turn it is to be: of lanes in general, and
// of the one that is the next probe while the endpoint is closed.
namespace portcall::broker {
namespace {

// How much more than its share of memory may be in flight before nothing else is read: what a receiver does not answer
// must not keep the rest from it.
constexpr std::size_t kSharesInFlight = 4;

}  // namespace

bool EndpointCore::HasRoom(std::size_t more) const {
  const std::size_t all = bytes() + more, in_flight = flights_.bytes();
  if (all < policy_.max_bytes) return true;
  return !policy_.pipelines && all - in_flight < policy_.max_bytes / 4 &&
         in_flight < std::min(kSharesInFlight * policy_.max_bytes, flights_.limit());
}

// Lanes that are to be read have their room before what the log has next, which would take whatever gets free.
bool EndpointCore::HasRoomToScan() const { return HasRoom(lines_.to_read() > 0 ? policy_.lane_bytes() : 0); }

bool EndpointCore::WantsEvents() const {
  return slots() + policy_.refill <= policy_.look_ahead && HasRoomToScan() && MayScan();
}

bool EndpointCore::MayScan() const {
  if (stopped_ || lines_.strict_waits() || held_by_parking() || held_by_change()) return false;
  // A collapsing endpoint always reads on, since later events may supersede those that wait.
  return !pace_.shut() || policy_.collapses || MayScanForProbe();
}

// Until one lane is found that the log alone knew of.
bool EndpointCore::MayScanForProbe() const {
  const Breaker& breaker = pace_.breaker();
  if (pace_.paused() || breaker.state() != BreakerState::kOpen || probes_.chosen()) return false;
  if (lines_.to_read() > 0 || lines_.being_read() > 0) return false;
  if (TurnOf(breaker) == ProbeTurn::kNew) return true;
  return lines_.ready() == 0 && lines_.next_due() > breaker.probe_at();
}

bool EndpointCore::MayPromote(Moment now) const {
  if (stopped_ || !pace_.Reachable(now.ticks)) return false;
  if (policy_.collapses && !caught_up()) return false;
  const std::size_t reads = lines_.to_read() + lines_.being_read();
  if (!pace_.shut()) return reads + (policy_.collapses ? lines_.ready() : 0) < pace_.window().ahead();
  if (!pace_.MayStart(now.ticks) || reads > 0 || probes_.chosen()) return false;
  // The log is read on first: what is newest may lie in what was not read.
  if (TurnOf(pace_.breaker()) == ProbeTurn::kNew && !progress_.at_head() && WantsEvents()) return false;
  return lines_.ready() == 0 || (!policy_.collapses && TurnOf(pace_.breaker()) != ProbeTurn::kReady);
}

void EndpointCore::Promote(Moment now) {
  while (lines_.next_due() <= now.ticks && MayPromote(now)) {
    // What is new waits beside what has failed, and would come behind all of that; of much that is new, the newest
    // behind all that fails as well. Each other turn goes to what is due first.
    const bool new_first = pace_.shut() && TurnOf(pace_.breaker()) == ProbeTurn::kNew;
    const bool tried_first = pace_.shut() && TurnOf(pace_.breaker()) == ProbeTurn::kWaiting;
    Lane* const newest = new_first ? lines_.TakeNewestUntried(now.ticks) : nullptr;
    Lane* const first = tried_first ? lines_.TakeTried(now.ticks) : newest;
    Lane& lane = first != nullptr ? *first : pace_.shut() ? lines_.TakeDueProbe(now.ticks) : lines_.TakeDue();
    probes_.Promote(lane.id);
    moved_ = true;
    lane.turn = {.due_through = lane.behind.passed_through, .late_reads = 0};
    Offer(lane, now);
  }
}

// Continues a lane that has come from the log or from those that wait. While the endpoint is closed it was chosen as
// the next probe, so it goes before those that are ready.
void EndpointCore::Offer(Lane& lane, Moment now) {
  Continue(lane, now);
  if (!pace_.shut() || policy_.collapses || lane.state() != LaneState::kReady || lane.flight.sent > 0) return;
  lines_.LastGoesFirst();
  probes_.Choose();
}

bool EndpointCore::RoomToRead() const {
  const std::size_t reads = lines_.being_read();
  // Of one probe, whoever fills the room; of the others that stand in line, none then.
  if (pace_.shut() && !policy_.collapses && reads == 0 && !probes_.chosen()) return true;
  return held() + policy_.lane_page * (reads + 1) <= policy_.max_held && HasRoom(lines_.reserved());
}

// Lane reads that are under way together may bring more than their room: a page is one event at least, whatever its
// size. What others have to go before is read again behind them.
bool EndpointCore::MustReadAgain(std::size_t bytes) const {
  return bytes > policy_.lane_bytes() && !HasRoom(0) && !pace_.shut() && lines_.ready() + flights_.under_way() > 0;
}

// Lanes that look for later pushes must not wait for room that they alone take: one goes with what it has seen.
void EndpointCore::LetOneGo(Moment now) {
  if (lines_.ready() > 0 || in_flight() > 0 || lines_.being_read() > 0) return;
  Lane* lane = lines_.TakeLoadedToRead();
  if (lane == nullptr) return;
  moved_ = true;
  lane->turn.seen_enough = true;
  Continue(*lane, now);
}

Attempt EndpointCore::Begin(Lane& lane, Moment now) {
  LaneQueue::Entry& entry = lane.queue.at(lane.flight.sent);
  Claimed(entry, now);
  int number = 1;
  std::shared_ptr<const sinks::Outcome> sentence;
  if (lane.flight.sent == 0) {
    BeginTrial(lane);
    // What is to die goes to its own place alone, but for a probe, which must tell of the destination.
    if (pace_.shut()) lane.failing.sentence.reset();
    sentence = lane.failing.sentence;
    RefusedEvent& refused = lane.failing.refused;
    if (refused.kept != 0) refused.tested = pace_.DeliveredSince(refused.kept);
    const bool of_new = pace_.shut() && TurnOf(pace_.breaker()) == ProbeTurn::kNew;
    if (of_new) probes_.SentOfNew(lane.id, /*untried=*/lane.failing.attempts == 0, lines_.AnyReadyUntried());
    number = lane.failing.attempts + (sentence ? 0 : 1);
  }
  entry.attempt = flights_.Begin(entry.bytes, sentence != nullptr);
  ++lane.flight.sent;
  ++lane.flight.flying;
  if (!sentence) pace_.Started(entry.attempt);
  return {entry.attempt, lane.id, entry.event, number, std::move(sentence)};
}

// Its row is on disk, so that it leaves now.
void EndpointCore::ClaimStarted(const Attempt& attempt, Moment now) {
  Lane& lane = lines_.At(attempt.lane);
  lane.Become(LaneState::kInFlight);
  Claimed(lane.queue.front(), now);
  Continue(lane, now);
}

void EndpointCore::Claimed(LaneQueue::Entry& entry, Moment now) const {
  entry.claimed_at = now.ticks;
  entry.claimed_active = pace_.ActiveAt(now.ticks);
}

// The front event's attempts count from when it was claimed, unless they have begun before.
void EndpointCore::BeginTrial(Lane& lane) {
  const store::Seq seq = lane.queue.front().event->seq;
  if (lane.failing.seq != seq) lane.failing.Begin(seq);
  if (lane.failing.attempts == 0) lane.failing.first_attempt = lane.queue.front().claimed_active;
}

// Attempts under way end by themselves, and are judged. What has not left stays.
void EndpointCore::SetPause(std::string reason, Moment now) {
  const bool was_shut = pace_.shut();
  if (reason.empty()) {
    pace_.Resume(now.ticks);
    moved_ = true;
    return;
  }
  pace_.Pause(std::move(reason), now.ticks);
  starts_.Withdraw();
  if (!was_shut) BeginProbing(policy_.collapses, now);
}

}  // namespace portcall::broker
