#include "broker/core/backoff.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

TEST(Backoff, DoublesUpToItsCapWithFullJitter) {
  Chance chance(1);
  Ticks longest = 0;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_LT(EventDelay(1, 300 * kSecond, chance), 100 * kMillisecond);
    EXPECT_LT(EventDelay(5, 300 * kSecond, chance), 100 * kMillisecond);
    EXPECT_LT(EventDelay(8, 300 * kSecond, chance), 800 * kMillisecond);
    longest = std::max(longest, EventDelay(1'000, 300 * kSecond, chance));
  }
  EXPECT_GT(longest, 290 * kSecond);
  EXPECT_LT(longest, 300 * kSecond);
}

TEST(Backoff, TheFirstProbeComesExactlyAfterBackoff) {
  Chance chance(1);
  EXPECT_EQ(ProbeDelay(0, kSecond, 300 * kSecond, chance), kSecond);
  for (int failed = 1; failed < 20; ++failed) {
    const Ticks delay = ProbeDelay(failed, kSecond, 300 * kSecond, chance);
    EXPECT_LE(delay, 300 * kSecond);
    EXPECT_GE(delay, std::min<Ticks>(kSecond << std::min(failed, 9), 300 * kSecond) / 2);
  }
}

TEST(Backoff, ABaseBeyondTheCapIsCapped) {
  Chance chance(1);
  EXPECT_EQ(ProbeDelay(0, 10 * kSecond, 3 * kSecond, chance), 3 * kSecond);
}

}  // namespace
}  // namespace portcall::broker
