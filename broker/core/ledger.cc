#include "broker/core/ledger.h"

#include <algorithm>
#include <utility>

namespace portcall::broker {

void Ledger::Delivered(const store::Event& event, std::int64_t at, int status, std::int64_t latency_us) {
  if (successes_.events == 1 && successes_.seq == 0) {
    successes_.seq = event.seq;
    successes_.at = at;
    successes_.status = status;
    successes_.delivered = true;
    successes_.events = 0;
  }
  ++successes_.events;
  latency_sum_us_ += latency_us;
}

void Ledger::Failed(store::AttemptRow row) {
  constexpr std::size_t kMaxRows = 1'024;
  if (failures_.size() < kMaxRows) failures_.push_back(std::move(row));
}

Ticks Ledger::due() const {
  if (flushing_) return kNever;
  if (hurry_ || fresh_ >= kFlushEvents) return kAtOnce;
  const Ticks soon = touched_ ? *touched_ + kFlushInterval : kNever;
  const Ticks later = quiet_ ? *quiet_ + kQuietFlushInterval : kNever;
  return std::min(soon, later);
}

void Ledger::Take(store::Settlement& settlement, std::int64_t kept) {
  settlement.dead = std::exchange(dead_, {});
  dead_taken_ = std::exchange(dead_bytes_, 0);
  settlement.attempts = std::exchange(failures_, {});
  settlement.receipt = std::exchange(receipt_, {});
  if (successes_.seq != 0) {
    successes_.latency_us = latency_sum_us_ / std::max(1, successes_.events);
    settlement.attempts.push_back(std::exchange(successes_, {}));
    latency_sum_us_ = 0;
  }
  kept_ += std::exchange(fresh_, 0);
  kept_after_ = kept;
  touched_.reset();
  quiet_.reset();
  hurry_ = false;
  flushing_ = true;
}

}  // namespace portcall::broker
