#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "runtime/clock.h"

namespace portcall::sinks {

// The wait that a Retry-After field asks for (RFC 9110 §10.2.3): seconds, or one of the three date forms of §5.6.7.
// None for anything else; a date that has passed is no wait. At most 30 days, so that later sums cannot overflow.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view field, runtime::WallTime now);

}  // namespace portcall::sinks
