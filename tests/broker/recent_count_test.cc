#include "broker/endpoint/recent_count.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

TEST(RecentCount, CountsTheLastMinuteAlone) {
  RecentCount count;
  EXPECT_EQ(count.At(0), 0u);
  const Ticks begin = 1'000'000 * kSecond;
  for (int second = 0; second < 120; ++second) count.Add(begin + second * kSecond);
  EXPECT_GE(count.At(begin + 119 * kSecond), 55u);
  EXPECT_LE(count.At(begin + 119 * kSecond), 60u);
  EXPECT_EQ(count.At(begin + 180 * kSecond), 0u);
  count.Add(begin + 180 * kSecond);
  EXPECT_EQ(count.At(begin + 181 * kSecond), 1u);
}

}  // namespace
}  // namespace portcall::broker
