#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/clock.h"

namespace portcall::testing {

// Both clocks, standing still until a test moves them. Callable from any thread.
class FakeClock final : public runtime::Clock {
 public:
  // 2026-11-20T16:00:00Z unless told otherwise; the steady clock starts at an hour.
  explicit FakeClock(runtime::WallTime now = runtime::WallTime(std::chrono::seconds(1'795'190'400)))
      : now_(now.time_since_epoch().count()), ticks_(std::chrono::nanoseconds(std::chrono::hours(1)).count()) {}

  runtime::WallTime Now() const override { return runtime::WallTime(runtime::Nanos(now_.load())); }
  runtime::SteadyTime Ticks() const override { return runtime::SteadyTime(std::chrono::nanoseconds(ticks_.load())); }

  void Advance(runtime::Nanos d) {
    now_ += d.count();
    ticks_ += d.count();
  }
  // The administrator, or NTP, sets the wall clock; no time passes.
  void SetWall(runtime::WallTime now) { now_ = now.time_since_epoch().count(); }

 private:
  std::atomic<std::int64_t> now_;
  std::atomic<std::int64_t> ticks_;
};

}  // namespace portcall::testing
