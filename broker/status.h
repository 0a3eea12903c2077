#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/breaker_state.h"

namespace portcall::broker {

// What becomes of an endpoint's events now.
enum class Condition : std::uint8_t {
  kOk,        // they go out as they come
  kFailing,   // some attempts fail
  kDown,      // the breaker is not closed: one probe at a time
  kPaused,    // by itself (410) or by an operator
  kStuck,     // its cursor does not move; the reason says why
  kOrphaned,  // its entry is gone or disabled: what was pending is kept, and not sent
};
std::string_view WordOf(Condition condition);  // ok, failing, down, paused, stuck, orphaned
std::string_view WordOf(BreakerState state);   // closed, half-open, open

// The last attempt that failed, since the start.
struct LastError {
  std::string text, event;  // a line, and the event's id
  std::int64_t at = 0;      // wall clock, ns
  int status = 0;           // HTTP, 0: none
  int attempt = 1;          // of this event
};

// What an operator wants to see of an endpoint. A copy; counters since the start unless said otherwise.
struct EndpointStatus {
  std::string name, type, url;  // the URL as it may be shown
  BreakerState breaker = BreakerState::kClosed;
  Condition condition = Condition::kOk;
  std::int64_t since = 0;  // paused or down; wall clock, ns; 0: neither, or not known
  bool paused = false, orphaned = false, paused_by_operator = false;
  std::string reason;        // why it is paused, or why the cursor does not move; the last error while it fails
  std::int64_t pending = 0;  // of the log, as of the last flush
  bool pending_is_estimate = false;
  std::optional<std::chrono::nanoseconds> oldest_pending;  // age of the oldest unsettled event, if one is known
  std::int64_t parked_lanes = 0, in_flight = 0, dead_letters = 0;
  int window = 0;  // how many attempts may be in flight
  std::uint64_t delivered_last_minute = 0;
  std::optional<LastError> last_error;
  std::optional<std::int64_t> next_try;  // wall clock, ns: when it is sent to again, where that is not now
  std::uint64_t events = 0, successes = 0, failures = 0, errors = 0, retries = 0;
  std::vector<std::pair<std::string, std::uint64_t>> statuses;  // "200 OK" → responses
};

}  // namespace portcall::broker
