#include "broker/core/flights.h"

#include <cassert>

namespace portcall::broker {

AttemptId Flights::Begin() {
  ++under_way_;
  return next_++;
}

void Flights::End() {
  assert(under_way_ > 0);
  --under_way_;
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
