#include "broker/core/window.h"

#include <gtest/gtest.h>

#include "broker/core/rate_limit.h"

namespace portcall::broker {
namespace {

// A window whose attempts end at once, one after another, unless a test says otherwise.
class WindowTest : public ::testing::Test {
 protected:
  void Succeed(int times) {
    for (int i = 0; i < times; ++i) window_.Succeeded(next_++);
  }
  void Overload(int times) {
    for (int i = 0; i < times; ++i, ++next_) window_.Overloaded(next_, next_ + 1);
  }
  AttemptId next_ = 1;
  Window window_{32};
};

TEST_F(WindowTest, HalvesOnOverloadAndGrowsByOneARound) {
  Overload(1);
  EXPECT_EQ(window_.size(), 16);
  Succeed(15);
  EXPECT_EQ(window_.size(), 16);
  Succeed(1);
  EXPECT_EQ(window_.size(), 17);
  Overload(10);
  EXPECT_EQ(window_.size(), 1);
  Succeed(10'000);
  EXPECT_EQ(window_.size(), 32);
}

TEST_F(WindowTest, AttemptsThatWereInFlightTogetherHalveItOnce) {
  for (AttemptId id = 1; id <= 32; ++id) window_.Overloaded(id, 33);
  EXPECT_EQ(window_.size(), 16);
  window_.Overloaded(33, 34);
  EXPECT_EQ(window_.size(), 8);
}

TEST_F(WindowTest, WhoStillAnswersSomeKeepsFour) {
  for (int i = 0; i < 20; ++i) {
    Overload(3);
    Succeed(1);
  }
  EXPECT_EQ(window_.size(), 4);
  Overload(4);
  EXPECT_EQ(window_.size(), 4);
  Overload(1);  // the fifth round that fails whole
  EXPECT_EQ(window_.size(), 2);
  Overload(1);
  EXPECT_EQ(window_.size(), 1);
  Succeed(1);
  EXPECT_EQ(window_.size(), 4);
}

TEST_F(WindowTest, WhatBeganBeforeItShrankDoesNotMakeItGrow) {
  window_ = Window(8);
  window_.Overloaded(5, 8);
  EXPECT_EQ(window_.size(), 4);
  for (AttemptId id = 1; id < 8; ++id) window_.Succeeded(id);
  EXPECT_EQ(window_.size(), 4);
  for (AttemptId id = 8; id < 12; ++id) window_.Succeeded(id);
  EXPECT_EQ(window_.size(), 5);
}

TEST_F(WindowTest, StartsAtOneAndDoublesAfterABreakerClosed) {
  window_.Reopened();
  EXPECT_EQ(window_.size(), 1);
  Succeed(1);
  EXPECT_EQ(window_.size(), 2);
  Succeed(2 + 4 + 8);
  EXPECT_EQ(window_.size(), 16);
  Overload(1);
  Succeed(8);
  EXPECT_EQ(window_.size(), 9);  // no longer doubling
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
