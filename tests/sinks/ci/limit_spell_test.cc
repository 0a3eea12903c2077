#include "sinks/ci/limit_spell.h"

#include <gtest/gtest.h>

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;

class LimitSpellTest : public ::testing::Test {
 protected:
  // A limit that is met again as soon as the wait for it is over.
  std::chrono::milliseconds Met(std::chrono::milliseconds asked, std::chrono::milliseconds most = 1h) {
    const auto wait = spell_.Met(asked, most, now_);
    was_endless_ = spell_.endless(now_);
    now_ += wait;
    return wait;
  }
  LimitSpell spell_;
  LimitSpell::Time now_{1h};
  bool was_endless_ = false;
};

TEST_F(LimitSpellTest, WaitsGrowToMinutesUntilSomethingElseIsAnswered) {
  for (const auto wait : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 300s, 300s}) EXPECT_EQ(Met(1s), wait);
  spell_.Over(now_);
  EXPECT_EQ(Met(1s), 1s);
}

TEST_F(LimitSpellTest, WhatIsTakenOfARoundEndsTheSpellAndNotTheWait) {
  Met(1s);
  Met(1s);
  const auto round = now_;
  const auto wait = spell_.Met(50min, 1h, now_ + 1s);
  spell_.Over(round);
  EXPECT_TRUE(spell_.waits(now_ + 2s));
  now_ += 1s + wait;
  EXPECT_FALSE(spell_.waits(now_));
  EXPECT_EQ(Met(1s), 1s);
}

TEST_F(LimitSpellTest, WhatHadLeftBeforeAnEarlierSpellWasOverEndsNothing) {
  const auto long_ago = now_;
  Met(1s);
  spell_.Over(now_);
  EXPECT_EQ(Met(1s), 1s);
  spell_.Over(long_ago);
  EXPECT_EQ(Met(1s), 2s);
}

TEST_F(LimitSpellTest, SlowAnswersOfTheRoundBeforeEndItAsWell) {
  Met(1s);
  const auto left = now_;
  Met(1s);
  EXPECT_EQ(Met(1s), 4s);
  spell_.Over(left);
  EXPECT_EQ(Met(1s), 1s);
}

TEST_F(LimitSpellTest, WhatIsAskedForIsWaitedAtLeast) {
  for (int i = 0; i < 6; ++i) EXPECT_EQ(Met(60s), 60s);
  EXPECT_EQ(Met(60s), 64s);
  EXPECT_EQ(Met(1h), 1h);
  EXPECT_EQ(Met(1h, 30s), 30s);
}

TEST_F(LimitSpellTest, AnswersToWhatHadLeftBeforeAreTheSameLimit) {
  EXPECT_EQ(spell_.Met(1s, 1h, now_), 1s);
  EXPECT_TRUE(spell_.begins());
  EXPECT_EQ(spell_.Met(1s, 1h, now_ + 100ms), 1s);
  EXPECT_EQ(spell_.Met(500ms, 1h, now_ + 100ms), 1s);
  EXPECT_TRUE(spell_.begins());
  EXPECT_TRUE(spell_.waits(now_ + 1099ms));
  EXPECT_FALSE(spell_.waits(now_ + 1100ms));
  EXPECT_EQ(spell_.Met(1s, 1h, now_ + 1100ms), 2s);
  EXPECT_FALSE(spell_.begins());
}

TEST_F(LimitSpellTest, OnesThatGoOnForMinutesAreEndless) {
  for (int i = 0; i < 9; ++i) {
    Met(1s);
    EXPECT_FALSE(was_endless_) << i;
  }
  Met(1s);
  EXPECT_TRUE(was_endless_);
  EXPECT_EQ(spell_.lasted(now_ - 300s), 8min);
  spell_.Over(now_);
  Met(1s);
  EXPECT_FALSE(was_endless_);
}

TEST_F(LimitSpellTest, AFewLongWaitsAreWhatWasAskedFor) {
  for (int i = 0; i < 3; ++i) {
    Met(1h);
    EXPECT_FALSE(was_endless_);
  }
  Met(1h);
  EXPECT_TRUE(was_endless_);
}

}  // namespace
}  // namespace portcall::sinks
