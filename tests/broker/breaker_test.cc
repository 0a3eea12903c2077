#include "broker/core/breaker.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

using Change = Breaker::Change;

class BreakerTest : public ::testing::Test {
 protected:
  Chance chance_{1};
  Breaker breaker_{{3, kSecond, 8 * kSecond}, chance_};
};

TEST_F(BreakerTest, FailuresOfAttemptsInFlightTogetherCountOnce) {
  for (AttemptId id = 1; id <= 32; ++id) breaker_.Failed(id, 33, 0);
  EXPECT_EQ(breaker_.failures(), 1);
  EXPECT_EQ(breaker_.Failed(33, 34, 0), Change::kCounted);
  EXPECT_EQ(breaker_.Failed(34, 35, 0), Change::kOpened);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
}

TEST_F(BreakerTest, ASuccessBetweenStartsTheCountAnew) {
  breaker_.Failed(1, 2, 0);
  breaker_.Failed(2, 3, 0);
  EXPECT_EQ(breaker_.Succeeded(), Change::kNone);
  breaker_.Failed(3, 4, 0);
  breaker_.Failed(4, 5, 0);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
}

TEST_F(BreakerTest, LetsOneProbeThroughAfterBackoff) {
  for (AttemptId id = 1; id <= 3; ++id) breaker_.Failed(id, id + 1, 0);
  EXPECT_FALSE(breaker_.MayStart(kSecond - 1));
  ASSERT_TRUE(breaker_.MayStart(kSecond));
  breaker_.Started(4);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
  EXPECT_FALSE(breaker_.MayStart(kNever - 1));
  breaker_.Failed(4, 5, kSecond);
  EXPECT_FALSE(breaker_.MayStart(2 * kSecond - 1));  // the second wait is one to two seconds
  EXPECT_TRUE(breaker_.MayStart(3 * kSecond));
  breaker_.Started(5);
  EXPECT_EQ(breaker_.Succeeded(), Change::kClosed);
  EXPECT_TRUE(breaker_.MayStart(0));
}

TEST_F(BreakerTest, AnAttemptFromBeforeDoesNotEndTheProbe) {
  for (AttemptId id = 1; id <= 3; ++id) breaker_.Failed(id, id + 2, 0);
  breaker_.Failed(5, 6, 0);
  breaker_.Failed(6, 7, 0);
  ASSERT_EQ(breaker_.state(), BreakerState::kOpen);
  breaker_.Started(9);
  breaker_.Failed(8, 10, 0);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
}

}  // namespace
}  // namespace portcall::broker
