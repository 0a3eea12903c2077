#include <algorithm>
#include <utility>

#include "broker/core/backoff.h"
#include "broker/core/endpoint_core.h"

// The part of EndpointCore that judges how attempts ended.
namespace portcall::broker {

using sinks::Outcome;
using sinks::Verdict;

namespace {

store::AttemptRow FailureRow(const Attempt& attempt, const Outcome& outcome, const std::string& error, Moment now) {
  store::AttemptRow row;
  row.seq = attempt.event->seq;
  row.at = now.wall;
  row.attempt = attempt.number;
  row.status = outcome.status;
  row.latency_us = outcome.latency.count() / 1'000;
  row.error = error;
  return row;
}

}  // namespace

void EndpointCore::OnOutcome(const Attempt& attempt, const Outcome& outcome, Moment now) {
  Lane& lane = *attempt.lane;
  --in_flight_;
  --lane.flying;
  const bool delivered = outcome.verdict == Verdict::kDelivered;
  if (delivered) JudgeSuccess(attempt, outcome, now);
  if (lane.front().attempt != attempt.id) {
    Remember(lane, attempt.id, outcome);
  } else if (delivered) {
    Settle(lane, !policy_.retry_on_timeout, now);
  } else {
    JudgeFailure(attempt, outcome, now);
  }
  Advance(lane, now);
}

void EndpointCore::OnLetGo(const Attempt& attempt, const Outcome& outcome, Moment now) {
  if (!policy_.retry_on_timeout && outcome.maybe_received) return OnOutcome(attempt, outcome, now);
  Lane& lane = *attempt.lane;
  --in_flight_;
  --lane.flying;
  pace_.LetGo(attempt.id, now.ticks);
  if (!std::exchange(lane.draining, true)) lane.due = now.ticks;
  Halt(lane);
  Advance(lane, now);
}

// What a delivery says of the endpoint. That counts at once, even if the event is settled later.
void EndpointCore::JudgeSuccess(const Attempt& attempt, const Outcome& outcome, Moment now) {
  ledger_.Delivered(*attempt.event, now.wall, outcome.status, outcome.latency.count() / 1'000);
  if (!outcome.receipt.empty()) ledger_.Received(outcome.receipt);
  if (const auto recovery = pace_.Delivered(now.ticks)) {
    notes_.push_back({.kind = Note::Kind::kRecovered, .text = {}, .lasted = recovery->lasted});
  }
}

// The lane's front event has failed: it dies, or its lane waits for another attempt.
void EndpointCore::JudgeFailure(const Attempt& attempt, const Outcome& outcome, Moment now) {
  Lane& lane = *attempt.lane;
  BeginTrial(lane);
  ++lane.attempts;
  if (outcome.verdict == Verdict::kRejected) ++lane.rejections;
  const Trial trial{outcome.verdict,
                    outcome.status != 0,
                    lane.attempts,
                    lane.rejections,
                    pace_.ActiveAt(now.ticks) - lane.first_attempt,
                    outcome.maybe_received};
  auto reason = ReasonToDie(policy_, trial);
  const bool fault_of_event = reason == "rejected" || reason == "undeliverable";
  if (JudgeEndpoint(attempt, outcome, fault_of_event, now)) reason.reset();
  if (reason) {
    const std::string& error = pace_.last_error();
    std::string text(*reason);
    if (outcome.verdict == Verdict::kUndeliverable && !error.empty()) text += ": " + error;
    Die(lane, std::move(text), outcome.answer.empty() ? error : outcome.answer, now);
    lane.halted = false;
    return;
  }
  const bool gone = outcome.verdict == Verdict::kGone;
  lane.due = now.ticks + (gone ? 0 : EventDelay(lane.attempts, policy_.breaker.max_backoff, chance_));
  lane.reason = pace_.last_error();
  lane.draining = true;
  Halt(lane);
}

// What the failure says of the endpoint. True: the endpoint is to blame, so the event stays pending.
bool EndpointCore::JudgeEndpoint(const Attempt& attempt, const Outcome& outcome, bool fault_of_event, Moment now) {
  const Pace::Judgement said = pace_.Failed(attempt.id, outcome, fault_of_event, next_id_, now.ticks);
  const std::string& error = pace_.last_error();
  ledger_.Failed(FailureRow(attempt, outcome, error, now));
  ledger_.Touch(now.ticks);
  if (said.began_failing) notes_.push_back({Note::Kind::kFailing, error});
  if (said.paused) notes_.push_back({Note::Kind::kPaused, pace_.pause()});
  if (said.opened) notes_.push_back({Note::Kind::kOpened, error});
  if (said.closed && policy_.collapses) LetReadyWait(now);
  return said.endpoint_at_fault;
}

void EndpointCore::Die(Lane& lane, std::string reason, const std::string& answer, Moment now) {
  store::DeadLetter dead;
  dead.cursor = cursor_;
  dead.endpoint = name_;
  dead.event = *lane.front().event;
  dead.attempts = lane.attempts;
  dead.died_at = now.wall;
  dead.reason = std::move(reason);
  dead.answer = answer;
  notes_.push_back({Note::Kind::kDead, dead.reason, lane.front().event, lane.attempts});
  ledger_.Died(std::move(dead));
  Settle(lane, true, now);
}

// Takes the front event off its lane. `remember`: it must not be sent again, even if the cursor stands before it when
// the process ends.
void EndpointCore::Settle(Lane& lane, bool remember, Moment now) {
  const Lane::Entry entry = lane.Pop();
  const store::Seq seq = entry.event->seq;
  lane.recorded_at = entry.event->recorded_at;
  const bool was_failing = lane.attempts > 0;
  lane.failing = 0;
  lane.attempts = lane.rejections = 0;
  lane.reason.clear();
  if (lane.parked || remember) {
    lane.done_through = seq;
    lane.next_seq = seq + 1;
  }
  if (lane.parked || remember || was_failing || lane.has_row) MarkDirty(lane, now.ticks);
  progress_.Settle(*entry.event, entry.slot);
  ledger_.Settled(now.ticks);
}

// Lets the lane wait. Its events leave memory: the cursor passes them, and they are read again when it is due.
void EndpointCore::Park(Lane& lane, Ticks due, std::string reason, Moment now) {
  Recall(lane);
  lane.due = due;
  lane.reason = std::move(reason);
  lane.next_seq = lane.front().event->seq;
  if (lane.kind == LaneKey::Kind::kStrict) {
    strict_waits_ = true;  // no event may overtake another, so none leaves the window
  } else {
    PassLane(lane, lane.reason, now);
    Release(lane, 0);
    lane.loaded_through = lane.next_seq - 1;
  }
  MarkDirty(lane, now.ticks);
  lane.state = Lane::State::kWaiting;
  waiting_.emplace(due, &lane);
}

}  // namespace portcall::broker
