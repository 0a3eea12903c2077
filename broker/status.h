#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/breaker_state.h"

namespace portcall::broker {

// What an operator wants to see of an endpoint. A copy; counters since the start unless said otherwise.
struct EndpointStatus {
  std::string name, type, url;  // the URL as it may be shown
  BreakerState breaker = BreakerState::kClosed;
  bool paused = false, orphaned = false;
  std::string reason;        // why it is paused, or why the cursor does not move; the last error while it fails
  std::int64_t pending = 0;  // of the log, as of the last flush
  bool pending_is_estimate = false;
  std::optional<std::chrono::nanoseconds> oldest_pending;  // age of the oldest unsettled event, if one is known
  std::int64_t parked_lanes = 0, in_flight = 0, dead_letters = 0;
  std::uint64_t events = 0, successes = 0, failures = 0, errors = 0, retries = 0;
  std::vector<std::pair<std::string, std::uint64_t>> statuses;  // "200 OK" → responses
};

}  // namespace portcall::broker
