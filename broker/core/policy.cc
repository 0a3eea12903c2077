#include "broker/core/policy.h"

#include <algorithm>
#include <array>

#include "broker/core/ledger.h"

namespace portcall::broker {
namespace {

constexpr std::size_t kMaxWindow = 10'000;

// Who is back is noticed within half a minute, unless the operator wants fewer probes from the first one on.
Ticks LongestBetweenProbes(const config::Endpoint& endpoint) {
  constexpr Ticks kNoticed = 30 * kSecond;
  return std::min(TicksOf(endpoint.max_backoff), std::max(TicksOf(endpoint.backoff), kNoticed));
}

}  // namespace

Policy::Policy(const config::Endpoint& endpoint, const sinks::Capacity& capacity)
    : laning(LaningOf(endpoint)),
      breaker{std::max(1, endpoint.threshold), TicksOf(endpoint.backoff), LongestBetweenProbes(endpoint)},
      max_backoff(TicksOf(endpoint.max_backoff)),
      max_retry_after(TicksOf(endpoint.max_retry_after)),
      window(static_cast<int>(std::clamp<std::size_t>(capacity.window, 1, kMaxWindow))),
      retry_on_timeout(endpoint.retry_on_timeout),
      pipelines(capacity.pipelines_lanes && !endpoint.collapse),
      sets_aside(capacity.sets_aside),
      collapses(endpoint.collapse),
      rate_limit(endpoint.rate_limit),
      max_parked(static_cast<std::size_t>(std::max(1, endpoint.max_parked))),
      max_bytes(capacity.window_bytes) {
  if (endpoint.max_retries && *endpoint.max_retries >= 0) max_retries = endpoint.max_retries;
  if (endpoint.max_age > std::chrono::milliseconds(0)) max_age = TicksOf(endpoint.max_age);
  if (collapses) debounce = TicksOf(endpoint.debounce);
  if (!pipelines) {
    window = std::min(window, std::max(1, endpoint.concurrency));
    return;
  }
  // Many are in flight as a rule, and what was held back by one is soon released: to park its lane each time would
  // write more rows than there are lanes that wait.
  retry_on_timeout = true;
  look_ahead = std::max(look_ahead, 2 * static_cast<std::size_t>(window));
  max_held = std::max(max_held, look_ahead);
  lane_page = 1'024;
  max_held_back = std::max<std::int64_t>(max_held_back, (kMaxExposed + window) / 4);
  max_hold = kSecond;
}

// RFC 9110 §15.6: 502 and 504 are a gateway's, which has asked somebody; 503 says that the request was not handled. By
// §15.5.9, 408 tells of a request that was not complete, but it is used for answers that took too long as well. 499 is
// nginx's (the client is gone), 520 to 527 are Cloudflare's.
bool TellsOutcome(const sinks::Outcome& outcome) {
  constexpr std::array<int, 5> kNotTold{0, 408, 499, 502, 504};
  const bool proxys_own = outcome.status >= 520 && outcome.status <= 527;
  return !proxys_own && std::ranges::find(kNotTold, outcome.status) == kNotTold.end();
}

std::optional<std::string_view> ReasonToDie(const Policy& policy, const Trial& trial) {
  if (trial.verdict == sinks::Verdict::kDelivered || trial.verdict == sinks::Verdict::kGone) return std::nullopt;
  if (trial.verdict == sinks::Verdict::kUndeliverable) return "undeliverable";
  if (!policy.retry_on_timeout && !trial.answered && trial.maybe_received) return "outcome unknown";
  const bool rejected = trial.verdict == sinks::Verdict::kRejected;
  if (rejected && trial.rejections >= kRejectionsUntilDead) return "rejected";
  if (policy.max_retries && trial.attempts > *policy.max_retries) return "maxretries";
  if (policy.max_age && trial.age > *policy.max_age) return "maxage";
  return std::nullopt;
}

}  // namespace portcall::broker
