#pragma once

#include <algorithm>
#include <chrono>

#include "runtime/clock.h"

namespace portcall::runtime {

// By the system's steady clock; 0 once it has come.
inline Millis LeftUntil(SteadyTime until) {
  return std::max(Millis(0), std::chrono::duration_cast<Millis>(until - std::chrono::steady_clock::now()));
}

}  // namespace portcall::runtime
