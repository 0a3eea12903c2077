#include "broker/core/breaker.h"

#include "broker/core/backoff.h"

namespace portcall::broker {

void Breaker::Started(AttemptId attempt) {
  if (state_ != BreakerState::kOpen) return;
  state_ = BreakerState::kHalfOpen;
  probe_ = attempt;
}

Breaker::Change Breaker::Failed(AttemptId attempt, AttemptId next, Ticks now) {
  if (state_ == BreakerState::kHalfOpen && attempt == probe_) {
    state_ = BreakerState::kOpen;
    probe_at_ = now + ProbeDelay(++failed_probes_, options_.backoff, options_.longest_backoff, chance_);
    return Change::kNone;
  }
  if (state_ != BreakerState::kClosed || attempt < barrier_) return Change::kNone;
  barrier_ = next;
  if (++failures_ >= options_.threshold) return Open(now);
  return Change::kCounted;
}

Breaker::Change Breaker::Succeeded() {
  failures_ = 0;
  failed_probes_ = 0;
  if (state_ == BreakerState::kClosed) return Change::kNone;
  state_ = BreakerState::kClosed;
  return Change::kClosed;
}

void Breaker::Neutral(AttemptId attempt, Ticks now) {
  if (state_ != BreakerState::kHalfOpen || attempt != probe_) return;
  state_ = BreakerState::kOpen;
  probe_at_ = now + ProbeDelay(failed_probes_, options_.backoff, options_.longest_backoff, chance_);
}

Breaker::Change Breaker::Open(Ticks now) {
  if (state_ == BreakerState::kClosed) {
    since_ = now;
    failed_probes_ = 0;
  }
  const bool opened = state_ == BreakerState::kClosed;
  state_ = BreakerState::kOpen;
  probe_at_ = now + ProbeDelay(failed_probes_, options_.backoff, options_.longest_backoff, chance_);
  return opened ? Change::kOpened : Change::kNone;
}

void Breaker::RestoreOpen(Ticks since, Ticks probe_at, int failed_probes) {
  state_ = BreakerState::kOpen;
  since_ = since;
  probe_at_ = probe_at;
  failed_probes_ = failed_probes;
}

}  // namespace portcall::broker
