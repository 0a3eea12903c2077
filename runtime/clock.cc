#include "runtime/clock.h"

namespace portcall::runtime {
namespace {

class System final : public Clock {
 public:
  WallTime Now() const override { return std::chrono::time_point_cast<Nanos>(std::chrono::system_clock::now()); }
  SteadyTime Ticks() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace

const Clock& SystemClock() {
  static const System clock;
  return clock;
}

}  // namespace portcall::runtime
