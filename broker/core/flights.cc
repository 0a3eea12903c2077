#include "broker/core/flights.h"

#include <cassert>
#include <utility>

namespace portcall::broker {

void Flights::Count(std::size_t bytes, bool aside) {
  ++under_way_;
  bytes_ += bytes;
  if (!aside) return;
  ++aside_count_;
  aside_bytes_ += bytes;
}

AttemptId Flights::Begin(std::size_t bytes, bool aside) {
  Count(bytes, aside);
  return next_++;
}

void Flights::End(std::size_t bytes, bool aside) {
  assert(under_way_ > 0 && bytes_ >= bytes);
  --under_way_;
  bytes_ -= bytes;
  if (!aside) return;
  assert(aside_count_ > 0 && aside_bytes_ >= bytes);
  --aside_count_;
  aside_bytes_ -= bytes;
}

void Flights::SetAside(Attempt attempt, std::size_t bytes) {
  Count(bytes, /*aside=*/true);
  asides_.push_back(std::move(attempt));
}

bool Flights::TakeAside(Attempt& attempt) {
  if (asides_.empty()) return false;
  attempt = std::move(asides_.front());
  asides_.pop_front();
  return true;
}

void Flights::KeepFailure(AttemptId attempt, const sinks::Outcome& outcome) {
  ++early_;
  failures_.emplace(attempt, outcome);
}

void Flights::TakeDelivery() {
  assert(early_ > 0);
  --early_;
}

sinks::Outcome Flights::TakeFailure(AttemptId attempt) {
  assert(early_ > 0 && failures_.contains(attempt));
  --early_;
  return std::move(failures_.extract(attempt).mapped());
}

}  // namespace portcall::broker
