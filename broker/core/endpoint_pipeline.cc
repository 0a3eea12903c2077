#include <algorithm>
#include <utility>

#include "broker/core/endpoint_core.h"

// The part of EndpointCore that has several events of a lane in flight (docs/delivery.md §6): they are settled in the
// lane's order, whichever ends first.
namespace portcall::broker {

// Keeps the outcome of an attempt that ended before those of the events in front of it.
void EndpointCore::Remember(Lane& lane, AttemptId attempt, const sinks::Outcome& outcome) {
  Lane::Entry& entry = lane.Sent(attempt);
  ++early_;
  if (outcome.verdict == sinks::Verdict::kDelivered) {
    entry.ended = Lane::Ended::kDelivered;
    return;
  }
  entry.ended = Lane::Ended::kFailed;
  early_failures_.emplace(attempt, outcome);
  // An undeliverable event is not sent again, so the lane need not stop for it.
  if (outcome.verdict != sinks::Verdict::kUndeliverable) Halt(lane);
}

void EndpointCore::Halt(Lane& lane) {
  lane.halted = true;
  if (lane.state != Lane::State::kReady) return;
  ready_.erase(std::ranges::find(ready_, &lane));
  lane.state = Lane::State::kInFlight;
}

// Settles events at the lane's front that ended early. If the front one failed, the lane is parked once nothing of it
// is in flight; what was delivered behind the front may be sent again.
void EndpointCore::Advance(Lane& lane, Moment now) {
  while (!lane.draining && lane.sent > 0 && lane.front().ended != Lane::Ended::kNo) {
    --early_;
    const Lane::Entry& front = lane.front();
    if (front.ended == Lane::Ended::kDelivered) {
      Settle(lane, false, now);
      continue;
    }
    const Attempt attempt{front.attempt, &lane, front.event, 1};
    lane.front().ended = Lane::Ended::kNo;
    const auto failure = early_failures_.extract(attempt.id);
    JudgeFailure(attempt, failure.mapped(), now);
  }
  if (!lane.draining) return Continue(lane, now);
  if (lane.flying == 0) Park(lane, lane.due, std::exchange(lane.reason, {}), now);
}

// Nothing of the lane counts as sent any more.
void EndpointCore::Recall(Lane& lane) {
  for (std::size_t i = 0; i < lane.sent; ++i) {
    Lane::Entry& entry = lane.at(i);
    if (std::exchange(entry.ended, Lane::Ended::kNo) != Lane::Ended::kNo) {
      --early_;
      early_failures_.erase(entry.attempt);
    }
    entry.attempt = 0;
  }
  lane.sent = lane.flying = 0;
  lane.halted = lane.draining = false;
}

}  // namespace portcall::broker
