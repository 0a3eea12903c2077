#pragma once

#include <chrono>
#include <cstdint>

namespace portcall::runtime {

using Nanos = std::chrono::nanoseconds;
using Millis = std::chrono::milliseconds;
// Wall time as stored: nanoseconds since 1970 in UTC.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Nanos>;
using SteadyTime = std::chrono::steady_clock::time_point;

// Both clocks behind one seam, so that tests can move them. Callable from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Now() const = 0;      // what is stored and shown
  virtual SteadyTime Ticks() const = 0;  // every wait and duration inside the process
};

const Clock& SystemClock();

}  // namespace portcall::runtime
