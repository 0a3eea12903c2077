#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "broker/core/moment.h"
#include "runtime/clock.h"

namespace portcall::broker {

inline Moment Read(const runtime::Clock& clock) {
  return {std::chrono::nanoseconds(clock.Ticks().time_since_epoch()).count(), clock.Now().time_since_epoch().count()};
}

// Of what was recorded then. The wall clock may have been set back since.
inline std::chrono::nanoseconds AgeAt(std::int64_t wall_now, std::int64_t recorded_at) {
  return std::chrono::nanoseconds(std::max<std::int64_t>(0, wall_now - recorded_at));
}

}  // namespace portcall::broker
