#pragma once

#include <algorithm>

#include "broker/core/chance.h"
#include "broker/core/moment.h"

namespace portcall::broker {

inline constexpr Ticks kFirstDelay = 100 * kMillisecond;
inline constexpr int kShortDelays = 5;

constexpr Ticks Doubled(Ticks base, int times, Ticks cap) {
  Ticks delay = std::min(base, cap);
  for (int i = 0; i < times && delay < cap; ++i) delay = delay > cap / 2 ? cap : delay * 2;
  return delay;
}

// How long a failed event waits after its n-th attempt (from 1): full jitter, so that lanes which failed together do
// not come back together. It grows only when the event has failed so often that a receiver which fails at random is
// hardly to blame: else each of its failures would hold a lane up for longer than all its successes take.
inline Ticks EventDelay(int attempts, Ticks cap, Chance& chance) {
  const Ticks longest = Doubled(kFirstDelay, attempts - kShortDelays, cap);
  return static_cast<Ticks>(chance.Unit() * static_cast<double>(longest));
}

// How long a breaker that failed its n-th probe (0: just opened) waits for the next one. The first wait is exact.
inline Ticks ProbeDelay(int failed_probes, Ticks base, Ticks cap, Chance& chance) {
  const Ticks longest = Doubled(base, failed_probes, cap);
  if (failed_probes == 0) return longest;
  const Ticks half = longest / 2;
  return half + static_cast<Ticks>(chance.Unit() * static_cast<double>(longest - half));
}

}  // namespace portcall::broker
