#include "broker/core/starts.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

Attempt Make(AttemptId id) {
  Attempt attempt;
  attempt.id = id;
  return attempt;
}

std::vector<AttemptId> IdsOf(const std::vector<Attempt>& attempts) {
  std::vector<AttemptId> ids;
  for (const Attempt& attempt : attempts) ids.push_back(attempt.id);
  return ids;
}

TEST(Starts, AnAttemptLeavesOnceItsRowIsDurable) {
  Starts starts;
  Attempt next;
  starts.Announce(Make(1));
  EXPECT_FALSE(starts.Next(next));
  starts.FlushBegun();
  starts.Announce(Make(2));  // its row comes with the next flush
  EXPECT_FALSE(starts.Next(next));
  starts.Flushed();
  ASSERT_TRUE(starts.Next(next));
  EXPECT_EQ(next.id, 1u);
  EXPECT_FALSE(starts.Next(next));
  starts.FlushBegun();
  starts.Flushed();
  ASSERT_TRUE(starts.Next(next));
  EXPECT_EQ(next.id, 2u);
}

TEST(Starts, TheyLeaveInTheOrderOfTheirClaims) {
  Starts starts;
  for (AttemptId id = 1; id <= 3; ++id) starts.Announce(Make(id));
  starts.FlushBegun();
  starts.Flushed();
  Attempt next;
  for (AttemptId id = 1; id <= 3; ++id) {
    ASSERT_TRUE(starts.Next(next));
    EXPECT_EQ(next.id, id);
  }
}

TEST(Starts, WhatIsBeingFlushedIsTakenBackOnlyAfterwards) {
  Starts starts;
  starts.Announce(Make(1));
  starts.FlushBegun();
  starts.Announce(Make(2));
  starts.Withdraw();
  EXPECT_EQ(IdsOf(starts.TakeBack()), std::vector<AttemptId>{2});
  starts.Announce(Make(3));  // after the others were withdrawn, so it may leave
  starts.Flushed();
  Attempt next;
  EXPECT_FALSE(starts.Next(next));
  EXPECT_EQ(IdsOf(starts.TakeBack()), std::vector<AttemptId>{1});
  EXPECT_FALSE(starts.any_withdrawn());
  starts.FlushBegun();
  starts.Flushed();
  ASSERT_TRUE(starts.Next(next));
  EXPECT_EQ(next.id, 3u);
}

TEST(Starts, WhatIsDurableAndHasNotLeftIsTakenBack) {
  Starts starts;
  for (AttemptId id = 1; id <= 3; ++id) starts.Announce(Make(id));
  starts.FlushBegun();
  starts.Flushed();
  Attempt next;
  ASSERT_TRUE(starts.Next(next));
  starts.Withdraw();
  EXPECT_FALSE(starts.Next(next));
  EXPECT_EQ(IdsOf(starts.TakeBack()), (std::vector<AttemptId>{2, 3}));
}

TEST(StartsDeathTest, OneFlushAtATime) {
  Starts starts;
  starts.Announce(Make(1));
  starts.FlushBegun();
  EXPECT_DEATH(starts.FlushBegun(), "flushing_");
}

}  // namespace
}  // namespace portcall::broker
