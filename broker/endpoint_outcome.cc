#include <algorithm>
#include <utility>

#include "broker/backoff.h"
#include "broker/endpoint_core.h"
#include "broker/event_ring.h"

// The half of EndpointCore that judges how attempts ended.
namespace portcall::broker {

using sinks::Outcome;
using sinks::Verdict;

void EndpointCore::OnOutcome(const Attempt& attempt, const Outcome& outcome, Moment now) {
  --in_flight_;
  attempt.lane->state = Lane::State::kIdle;
  if (outcome.verdict == Verdict::kDelivered) {
    Delivered(attempt, outcome, now);
  } else {
    FailedAttempt(attempt, outcome, now);
  }
}

void EndpointCore::Delivered(const Attempt& attempt, const Outcome& outcome, Moment now) {
  Lane& lane = *attempt.lane;
  rejected_in_a_row_ = 0;
  opened_by_rejections_ = false;
  ledger_.Delivered(*attempt.event, now.wall, outcome.status, outcome.latency.count() / 1'000);
  const Ticks opened = breaker_.since();
  const bool closed = breaker_.Succeeded() == Breaker::Change::kClosed;
  if (closed) {
    window_.Reopened();
    WatchClosed(now.ticks);
  } else {
    window_.Succeeded();
  }
  if (std::exchange(failing_, false)) {
    notes_.push_back({.kind = Note::Kind::kRecovered, .text = {}, .lasted = closed ? now.ticks - opened : 0});
    last_error_.clear();
  }
  Settle(lane, !policy_.retry_on_timeout, now);
  Continue(lane, now);
}

void EndpointCore::FailedAttempt(const Attempt& attempt, const Outcome& outcome, Moment now) {
  Lane& lane = *attempt.lane;
  const bool rejected = outcome.verdict == Verdict::kRejected;
  ++lane.attempts;
  if (rejected) ++lane.rejections;
  lane.recorded_at = attempt.event->recorded_at;
  last_error_ = outcome.error.empty() ? outcome.status_text : outcome.error;
  Record(attempt, outcome, now);
  if (!std::exchange(failing_, true)) notes_.push_back({Note::Kind::kFailing, last_error_});
  if (outcome.retry_after) {
    floor_ = std::max(floor_, now.ticks + std::clamp<Ticks>(TicksOf(*outcome.retry_after), 0, policy_.max_retry_after));
  }

  const Trial trial{outcome.verdict,
                    outcome.status != 0,
                    lane.attempts,
                    lane.rejections,
                    Active(now.ticks) - lane.first_attempt,
                    outcome.maybe_received};
  auto reason = ReasonToDie(policy_, trial);
  if (JudgeEndpoint(attempt, outcome, reason == "rejected", now)) reason.reset();
  WatchClosed(now.ticks);
  if (reason) {
    Die(lane, *reason, outcome.answer.empty() ? last_error_ : outcome.answer, now);
    Continue(lane, now);
  } else if (outcome.verdict == Verdict::kGone) {
    Park(lane, now.ticks, last_error_, now);
  } else {
    Park(lane, now.ticks + EventDelay(lane.attempts, policy_.breaker.max_backoff, chance_), last_error_, now);
  }
}

// What the outcome says of the endpoint. True: the endpoint is to blame, so the event stays pending.
bool EndpointCore::JudgeEndpoint(const Attempt& attempt, const Outcome& outcome, bool last_rejection, Moment now) {
  using Change = Breaker::Change;
  if (outcome.verdict == Verdict::kGone) {
    if (paused_.empty()) {
      paused_ = last_error_.empty() ? "the endpoint answered 410 Gone" : last_error_;
      notes_.push_back({Note::Kind::kPaused, paused_});
    }
    breaker_.Neutral(attempt.id, now.ticks);
    return true;
  }
  if (outcome.verdict == Verdict::kRejected && !opened_by_rejections_) {
    if (last_rejection && ++rejected_in_a_row_ >= policy_.breaker.threshold) {
      opened_by_rejections_ = true;
      if (breaker_.Open(now.ticks) == Change::kOpened) notes_.push_back({Note::Kind::kOpened, last_error_});
      return true;
    }
    breaker_.Neutral(attempt.id, now.ticks);
    return false;
  }
  const Change change = breaker_.Failed(attempt.id, next_id_, now.ticks);
  if (change == Change::kCounted || change == Change::kOpened) window_.Failed();
  if (change == Change::kOpened) notes_.push_back({Note::Kind::kOpened, last_error_});
  return outcome.verdict == Verdict::kRejected;
}

void EndpointCore::Record(const Attempt& attempt, const Outcome& outcome, Moment now) {
  store::AttemptRow row;
  row.seq = attempt.event->seq;
  row.at = now.wall;
  row.attempt = attempt.number;
  row.status = outcome.status;
  row.latency_us = outcome.latency.count() / 1'000;
  row.error = last_error_;
  ledger_.Failed(std::move(row));
  ledger_.Touch(now.ticks);
}

void EndpointCore::Die(Lane& lane, std::string_view reason, const std::string& answer, Moment now) {
  store::DeadLetter dead;
  dead.cursor = cursor_;
  dead.endpoint = name_;
  dead.event = *lane.front().event;
  dead.attempts = lane.attempts;
  dead.died_at = now.wall;
  dead.reason = reason;
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
  bytes_ -= BytesOf(*entry.event);
  const bool was_failing = lane.attempts > 0;
  lane.failing = 0;
  lane.attempts = lane.rejections = 0;
  lane.reason.clear();
  if (lane.parked || remember) {
    lane.done_through = seq;
    lane.next_seq = seq + 1;
  }
  if (lane.parked || remember || was_failing || lane.has_row) MarkDirty(lane, now.ticks);
  if (entry.slot != kNoSlot) {
    settled_ += slots_.Done(entry.slot);
  } else {
    --held_;
    if (const auto slot = slots_.FindPassed(seq)) {
      settled_ += slots_.Done(*slot);
    } else {
      ++settled_;
    }
  }
  ledger_.Settled(now.ticks);
}

// Lets the lane wait. Its events leave memory: the cursor passes them, and they are read again when it is due.
void EndpointCore::Park(Lane& lane, Ticks due, std::string reason, Moment now) {
  lane.due = due;
  lane.reason = std::move(reason);
  lane.next_seq = lane.front().event->seq;
  if (lane.kind == Lane::Kind::kStrict) {
    strict_waits_ = true;  // one line: nothing may pass, so nothing leaves the window
  } else {
    PassLane(lane, lane.reason, now);
    held_ -= lane.size();
    Release(lane, 0);
    lane.loaded_through = lane.next_seq - 1;
  }
  MarkDirty(lane, now.ticks);
  lane.state = Lane::State::kWaiting;
  waiting_.emplace(due, &lane);
}

void EndpointCore::WatchClosed(Ticks now) {
  const bool closed = !paused_.empty() || !breaker_closed();
  if (closed && closed_since_ == 0) closed_since_ = now;
  if (!closed && closed_since_ != 0) closed_for_ += now - std::exchange(closed_since_, 0);
}

}  // namespace portcall::broker
