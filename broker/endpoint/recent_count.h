#pragma once

#include <array>
#include <cstdint>

#include "broker/core/moment.h"

namespace portcall::broker {

// How many of something there were in the last minute, to within five seconds.
class RecentCount {
 public:
  void Add(Ticks now) {
    const Ticks step = now / kStep;
    Slot& slot = slots_[static_cast<std::size_t>(step) % kSlots];
    if (slot.step != step) slot = {step, 0};
    ++slot.count;
  }
  std::uint64_t At(Ticks now) const {
    std::uint64_t sum = 0;
    for (const Slot& slot : slots_) {
      if (slot.step > now / kStep - static_cast<Ticks>(kSlots)) sum += slot.count;
    }
    return sum;
  }

 private:
  static constexpr Ticks kStep = 5 * kSecond;
  static constexpr std::size_t kSlots = 12;
  struct Slot {
    Ticks step = kAtOnce;
    std::uint64_t count = 0;
  };
  std::array<Slot, kSlots> slots_;
};

}  // namespace portcall::broker
