#include "broker/core/window.h"

#include <gtest/gtest.h>

#include "broker/core/rate_limit.h"

namespace portcall::broker {
namespace {

void Succeed(Window& window, int times) {
  for (int i = 0; i < times; ++i) window.Succeeded();
}

TEST(Window, HalvesOnFailureAndGrowsByOneARound) {
  Window window(32);
  window.Failed();
  EXPECT_EQ(window.size(), 16);
  Succeed(window, 15);
  EXPECT_EQ(window.size(), 16);
  Succeed(window, 1);
  EXPECT_EQ(window.size(), 17);
  for (int i = 0; i < 10; ++i) window.Failed();
  EXPECT_EQ(window.size(), 1);
  Succeed(window, 10'000);
  EXPECT_EQ(window.size(), 32);
}

TEST(Window, StartsAtOneAndDoublesAfterABreakerClosed) {
  Window window(32);
  window.Reopened();
  EXPECT_EQ(window.size(), 1);
  Succeed(window, 1);
  EXPECT_EQ(window.size(), 2);
  Succeed(window, 2 + 4 + 8);
  EXPECT_EQ(window.size(), 16);
  window.Failed();
  Succeed(window, 8);
  EXPECT_EQ(window.size(), 9);  // no longer doubling
}

TEST(RateLimit, GivesBackAtItsRate) {
  RateLimit limit(10);
  ASSERT_TRUE(limit.Allows(kSecond));
  limit.Take();
  EXPECT_FALSE(limit.Allows(kSecond));
  EXPECT_LE(limit.wake(), kSecond + 100 * kMillisecond + 10);
  EXPECT_TRUE(limit.Allows(limit.wake()));
}

}  // namespace
}  // namespace portcall::broker
