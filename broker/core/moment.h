#pragma once

#include <chrono>
#include <cstdint>

namespace portcall::broker {

using Ticks = std::int64_t;  // steady clock, ns; every wait and duration inside the process

// One reading of both clocks, taken by the shell: the decision core has no clock of its own.
struct Moment {
  Ticks ticks = 0;
  std::int64_t wall = 0;  // ns since 1970; what is stored
};

inline constexpr Ticks kMillisecond = 1'000'000;
inline constexpr Ticks kSecond = 1'000 * kMillisecond;
// Later and earlier than every reading.
inline constexpr Ticks kNever = INT64_MAX, kAtOnce = INT64_MIN;

constexpr Ticks TicksOf(std::chrono::milliseconds duration) { return duration.count() * kMillisecond; }

}  // namespace portcall::broker
