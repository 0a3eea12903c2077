#include "broker/core/breaker.h"

#include "broker/core/backoff.h"

namespace portcall::broker {

void Breaker::Started(AttemptId attempt) {
  if (state_ != BreakerState::kOpen) return;
  state_ = BreakerState::kHalfOpen;
  probe_ = attempt;
}

Breaker::Change Breaker::Failed(AttemptId attempt, AttemptId next, Ticks now) {
  failed_at_ = now;
  if (state_ == BreakerState::kHalfOpen && attempt == probe_) {
    ++failed_probes_;
    Rest(now);
    return Change::kNone;
  }
  if (state_ != BreakerState::kClosed || attempt < barrier_) return Change::kNone;
  barrier_ = next;
  if (++failures_ >= options_.threshold) return Open(attempt, now);
  return Change::kCounted;
}

Breaker::Change Breaker::Succeeded() {
  failures_ = 0;
  failed_probes_ = 0;
  if (state_ == BreakerState::kClosed) return Change::kNone;
  state_ = BreakerState::kClosed;
  return Change::kClosed;
}

Breaker::Change Breaker::Answered(AttemptId attempt, Ticks now) {
  if (state_ != BreakerState::kHalfOpen || attempt != probe_) return Change::kNone;
  if (now - failed_at_ >= 2 * options_.longest_backoff) return Succeeded();
  ++turn_;
  state_ = BreakerState::kOpen;
  probe_at_ = now;
  return Change::kNone;
}

void Breaker::Neutral(AttemptId attempt, Ticks now) {
  if (state_ != BreakerState::kHalfOpen || attempt != probe_) return;
  Rest(now);
}

Breaker::Change Breaker::Open(AttemptId attempt, Ticks now) {
  if (state_ == BreakerState::kHalfOpen && attempt != probe_) return Change::kNone;
  const bool opened = state_ == BreakerState::kClosed;
  if (opened) {
    since_ = failed_at_ = now;
    failed_probes_ = 0;
  }
  Rest(now);
  return opened ? Change::kOpened : Change::kNone;
}

void Breaker::Rest(Ticks now) {
  if (state_ == BreakerState::kHalfOpen) ++turn_;
  state_ = BreakerState::kOpen;
  probe_at_ = now + ProbeDelay(failed_probes_, options_.backoff, options_.longest_backoff, chance_);
}

void Breaker::RestoreOpen(Ticks since, Ticks probe_at, int failed_probes, Ticks now) {
  state_ = BreakerState::kOpen;
  since_ = since;
  probe_at_ = probe_at;
  failed_probes_ = failed_probes;
  failed_at_ = now;
}

}  // namespace portcall::broker
