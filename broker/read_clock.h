#pragma once

#include <chrono>

#include "broker/core/moment.h"
#include "runtime/clock.h"

namespace portcall::broker {

inline Moment Read(const runtime::Clock& clock) {
  return {std::chrono::nanoseconds(clock.Ticks().time_since_epoch()).count(), clock.Now().time_since_epoch().count()};
}

}  // namespace portcall::broker
