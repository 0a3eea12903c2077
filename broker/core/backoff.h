#pragma once

#include <algorithm>

#include "broker/core/chance.h"
#include "broker/core/moment.h"

namespace portcall::broker {

inline constexpr Ticks kFirstDelay = 100 * kMillisecond;
inline constexpr int kSparedFailures = 4;

constexpr Ticks Doubled(Ticks base, int times, Ticks cap) {
  Ticks delay = std::min(base, cap);
  for (int i = 0; i < times && delay < cap; ++i) delay = delay > cap / 2 ? cap : delay * 2;
  return delay;
}

// Full jitter: what failed together does not come back together.
inline Ticks UpTo(Ticks delay, Chance& chance) {
  return static_cast<Ticks>(chance.Unit() * static_cast<double>(delay));
}

inline Ticks HalfToWhole(Ticks delay, Chance& chance) { return delay / 2 + UpTo(delay - delay / 2, chance); }

// How long a breaker that failed its n-th probe (0: just opened) waits for the next one. The first wait is exact.
inline Ticks ProbeDelay(int failed_probes, Ticks base, Ticks cap, Chance& chance) {
  const Ticks longest = Doubled(base, failed_probes, cap);
  return failed_probes == 0 ? longest : HalfToWhole(longest, chance);
}

}  // namespace portcall::broker
