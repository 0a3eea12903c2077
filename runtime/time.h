#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace portcall::runtime {

// Times are nanoseconds since 1970 in UTC, texts are RFC 3339.

// With up to nine fractional digits, trailing zeros cut, as Go's RFC3339Nano prints it.
std::string Rfc3339Nano(std::int64_t unix_nanos);
// With all nine digits, so that texts sort as their times do.
std::string Rfc3339Fixed(std::int64_t unix_nanos);
// Any zone, any number of fractional digits. Nothing for other texts, and for times that no 64 bits hold (years before
// 1678 and after 2261).
std::optional<std::int64_t> ParseRfc3339(std::string_view text);

// As Go prints it: 1h30m0s, 1.5s, 52.582µs. Negative durations become 0s.
std::string GoDuration(std::chrono::nanoseconds duration);
// As configuration files have it: 1h30m, 1s500ms. `duration` must not be negative.
std::string ShowDuration(std::chrono::milliseconds duration);

}  // namespace portcall::runtime
