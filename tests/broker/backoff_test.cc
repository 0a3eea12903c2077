#include "broker/core/backoff.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

TEST(Backoff, DoublesUpToItsCap) {
  EXPECT_EQ(Doubled(kFirstDelay, -4, 300 * kSecond), 100 * kMillisecond);
  EXPECT_EQ(Doubled(kFirstDelay, 0, 300 * kSecond), 100 * kMillisecond);
  EXPECT_EQ(Doubled(kFirstDelay, 3, 300 * kSecond), 800 * kMillisecond);
  EXPECT_EQ(Doubled(kFirstDelay, 1'000, 300 * kSecond), 300 * kSecond);
}

TEST(Backoff, JitterSpreadsOverAllOfADelayOrItsSecondHalf) {
  Chance chance(1);
  Ticks least = kSecond, most = 0, least_of_half = kSecond;
  for (int i = 0; i < 1'000; ++i) {
    least = std::min(least, UpTo(kSecond, chance));
    most = std::max(most, UpTo(kSecond, chance));
    least_of_half = std::min(least_of_half, HalfToWhole(kSecond, chance));
  }
  EXPECT_LT(least, kSecond / 50);
  EXPECT_GT(most, kSecond - kSecond / 50);
  EXPECT_LE(most, kSecond);
  EXPECT_GE(least_of_half, kSecond / 2);
  EXPECT_LT(least_of_half, kSecond / 2 + kSecond / 50);
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
