#include "broker/core/failure.h"

#include <string_view>

namespace portcall::broker {

store::AttemptRow FailureRow(const Attempt& attempt, const sinks::Outcome& outcome, const std::string& error,
                             Moment now) {
  store::AttemptRow row;
  row.seq = attempt.event->seq;
  row.at = now.wall;
  row.attempt = attempt.number;
  row.status = outcome.status;
  row.latency_us = outcome.latency.count() / 1'000;
  row.error = error;
  return row;
}

std::string DeathOf(const std::string& error) {
  constexpr std::string_view kReason = "undeliverable";
  return error.empty() ? std::string(kReason) : std::string(kReason) + ": " + error;
}

const std::string& AnswerOf(const sinks::Outcome& refusal, const std::string& error) {
  return refusal.answer.empty() ? error : refusal.answer;
}

}  // namespace portcall::broker
