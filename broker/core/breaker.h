#pragma once

#include "broker/core/attempt_id.h"
#include "broker/core/breaker_state.h"
#include "broker/core/chance.h"
#include "broker/core/moment.h"

namespace portcall::broker {

// An endpoint's circuit breaker (docs/delivery.md §4). `threshold` consecutive failures open it; failures of attempts
// that were in flight together count once; then one probe at a time finds out when the endpoint is back.
class Breaker {
 public:
  struct Options {
    int threshold = 10;
    Ticks backoff = kSecond;               // before the first probe
    Ticks longest_backoff = 30 * kSecond;  // between probes
  };
  enum class Change { kNone, kCounted, kOpened, kClosed };

  Breaker(Options options, Chance& chance) : options_(options), chance_(chance) {}

  BreakerState state() const { return state_; }
  int failures() const { return failures_; }
  Ticks since() const { return since_; }  // when it opened, unless it is closed
  Ticks probe_at() const { return probe_at_; }
  int failed_probes() const { return failed_probes_; }  // since it opened
  int turn() const { return turn_; }                    // how many probes have ended, whatever they told
  bool MayStart(Ticks now) const {
    return state_ == BreakerState::kClosed || (state_ == BreakerState::kOpen && now >= probe_at_);
  }
  bool IsProbe(AttemptId attempt) const { return state_ == BreakerState::kHalfOpen && probe_ == attempt; }
  // When MayStart may change by itself.
  Ticks wake() const { return state_ == BreakerState::kOpen ? probe_at_ : kNever; }

  void Started(AttemptId attempt);
  // `next` is the id the next attempt will have: whatever started before it was in flight together with this one.
  Change Failed(AttemptId attempt, AttemptId next, Ticks now);
  Change Succeeded();
  // A part of the endpoint answers, though not with a success. As a probe that tells nothing of the rest, so the next
  // one goes at once. Only where nothing else has failed for as long as all that failed is tried again in, it closes.
  Change Answered(AttemptId attempt, Ticks now);
  // The outcome says nothing about the endpoint: a probe ends without a verdict.
  void Neutral(AttemptId attempt, Ticks now);
  // By what `attempt` says of the endpoint. While a probe is under way, that decides.
  Change Open(AttemptId attempt, Ticks now);
  // As it was before a restart. A probe that was under way then is made again.
  void Restore(int failures) { failures_ = failures; }
  void RestoreOpen(Ticks since, Ticks probe_at, int failed_probes, Ticks now);

 private:
  void Rest(Ticks now);  // until the next probe

  Options options_;
  Chance& chance_;
  BreakerState state_ = BreakerState::kClosed;
  int failures_ = 0, failed_probes_ = 0, turn_ = 0;
  AttemptId barrier_ = 0;  // failures of earlier attempts were counted already
  AttemptId probe_ = 0;
  Ticks probe_at_ = 0, since_ = 0, failed_at_ = 0;
};

}  // namespace portcall::broker
