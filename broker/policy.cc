#include "broker/policy.h"

#include <algorithm>

namespace portcall::broker {

Policy::Policy(const config::Endpoint& endpoint)
    : order(endpoint.order),
      breaker{std::max(1, endpoint.threshold), TicksOf(endpoint.backoff), TicksOf(endpoint.max_backoff)},
      max_age(TicksOf(endpoint.max_age)),
      max_retry_after(TicksOf(endpoint.max_retry_after)),
      concurrency(std::max(1, endpoint.concurrency)),
      max_parked(static_cast<std::size_t>(std::max(1, endpoint.max_parked))),
      rate_limit(endpoint.rate_limit),
      retry_on_timeout(endpoint.retry_on_timeout) {
  if (endpoint.max_retries && *endpoint.max_retries >= 0) max_retries = endpoint.max_retries;
}

std::optional<std::string_view> ReasonToDie(const Policy& policy, const Trial& trial) {
  if (trial.verdict == sinks::Verdict::kDelivered || trial.verdict == sinks::Verdict::kGone) return std::nullopt;
  if (!policy.retry_on_timeout && !trial.answered && trial.maybe_received) return "outcome unknown";
  if (trial.rejections >= kRejectionsUntilDead) return "rejected";
  if (policy.max_retries && trial.attempts > *policy.max_retries) return "maxretries";
  if (policy.max_age > 0 && trial.age > policy.max_age) return "maxage";
  return std::nullopt;
}

}  // namespace portcall::broker
