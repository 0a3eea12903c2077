#pragma once

#include <chrono>
#include <optional>

#include "runtime/clock.h"
#include "runtime/http/client.h"

namespace portcall::sinks {

// How long an answer asks whoever sends with these credentials to wait, whatever is asked for: a 403 or 429 with
// Retry-After, with no requests left until RateLimit-Reset (seconds, or a time as Unix counts it), or whose text speaks
// of a rate limit. Nothing: it is no such limit, or does not say how long it lasts. Never 0.
std::optional<std::chrono::milliseconds> RateLimitOf(const http::Incoming& answer, runtime::WallTime now);

}  // namespace portcall::sinks
