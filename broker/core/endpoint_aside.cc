#include <algorithm>
#include <utility>

#include "broker/core/endpoint_core.h"
#include "broker/core/failure.h"

// The part of EndpointCore that brings events which their destination refuses for good to the place for such events,
// before they are given up. That place may be full, or not answer: what waits for it keeps nothing from the others.
namespace portcall::broker {

using sinks::Outcome;
using sinks::Verdict;

namespace {

constexpr int kMostAsides = 256;  // under way at a time

// When a lane looks again: so that all who wait look some hundred times a second together.
Ticks PlaceDue(const Lines& lines, Moment now) {
  return now.ticks + kSecond * (1 + static_cast<Ticks>(lines.sentenced()) / kMostAsides);
}

}  // namespace

// The lane's front event is to die. Only now, since whatever keeps an event pending must keep it out of there.
void EndpointCore::SetAside(Lane& lane, int number, const Outcome& refusal, Moment now) {
  const LaneQueue::Entry& front = lane.queue.front();
  lane.failing.Sentence(refusal, pace_.ActiveAt(now.ticks));
  if (WaitsForPlace(lane, front.bytes)) {
    lane.failing.reason = ErrorOf(refusal);
    lane.due = PlaceDue(lines_, now);
    return lines_.Leave(lane, LaneState::kDraining);
  }
  ++lane.flight.flying;
  flights_.SetAside({front.attempt, lane.id, front.event, number, lane.failing.sentence}, front.bytes);
}

// Whether its first event, of so many bytes, is to go there, where as much is under way as may be held for it. Not
// while the endpoint is closed: then it goes to the destination again, as a probe.
bool EndpointCore::WaitsForPlace(const Lane& lane, std::size_t bytes) const {
  const int most = std::min(kMostAsides, policy_.window);
  return lane.failing.sentence && !pace_.shut() && flights_.AsidesFull(bytes, most, policy_.max_bytes / 4);
}

// `since`: on the endpoint's active time.
bool EndpointCore::TooOldForPlace(Ticks since, Moment now) const {
  // Where it keeps the cursor from moving, whatever comes waits for it.
  const bool held = held_by_parking() || held_by_change();
  const Ticks longest = std::min(policy_.max_age.value_or(kNever), held ? kLongestRefusal : kNever);
  return pace_.ActiveAt(now.ticks) - since > longest;
}

// Without its events: what they take belongs to others meanwhile. They are not read to find out that they go on
// waiting, but to end.
void EndpointCore::WaitForPlace(Lane& lane, Moment now) {
  // From when it was sentenced: it may have been tried for long before.
  const bool too_old = TooOldForPlace(lane.failing.sentenced_at, now);
  if (lane.queue.empty()) return too_old ? lines_.WantRead(lane) : lines_.Wait(lane, PlaceDue(lines_, now));
  if (!too_old) return Park(lane, PlaceDue(lines_, now), lane.failing.reason, now);
  const std::string error = lane.failing.reason;
  Die(lane, DeathOf(error), AnswerOf(*lane.failing.sentence, error), now);
  Continue(lane, now);
}

// That place has answered: the lane's front event is dead, or waits until that place takes it. It is no attempt of the
// event's, and tells nothing of the endpoint.
void EndpointCore::JudgeAside(Lane& lane, const Attempt& attempt, const Outcome& outcome, Moment now) {
  const bool is_there = outcome.verdict == Verdict::kDelivered, nobodys = BlamesNobody(outcome);
  const std::string& error = is_there ? ErrorOf(*attempt.refusal) : ErrorOf(outcome);
  const bool too_old = !nobodys && TooOldForPlace(lane.failing.first_attempt, now);
  if (is_there || outcome.verdict == Verdict::kUndeliverable || too_old) {
    return Die(lane, DeathOf(error), AnswerOf(*attempt.refusal, error), now);
  }
  if (!nobodys) {
    ++lane.failing.asides;
    ledger_.Failed(FailureRow(attempt, outcome, error, now));
    ledger_.Touch(now.ticks);
  }
  lane.due = now.ticks + (nobodys ? pace_.ShortDelay() : pace_.EventDelay(lane.failing.asides, /*alone=*/true));
  lane.failing.reason = error;
  lines_.Leave(lane, LaneState::kDraining);
}

}  // namespace portcall::broker
