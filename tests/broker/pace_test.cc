#include "broker/core/pace.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

Policy Limits() {
  Policy policy;
  policy.breaker = {3, kSecond, 8 * kSecond};
  policy.window = 8;
  policy.max_retry_after = 60 * kSecond;
  return policy;
}

Outcome Failure(Verdict verdict = Verdict::kFailed, const std::string& error = "answered 503") {
  Outcome outcome;
  outcome.verdict = verdict;
  outcome.error = error;
  outcome.status = 503;
  return outcome;
}

Ticks LongestDelay(const Pace& pace, int attempts, bool alone = false) {
  Ticks longest = 0;
  for (int i = 0; i < 100; ++i) longest = std::max(longest, pace.EventDelay(attempts, alone));
  return longest;
}

class PaceTest : public ::testing::Test {
 protected:
  Pace::Judgement Fail(const Outcome& outcome = Failure(), Refusal refusal = {}) {
    const AttemptId id = next_++;
    pace_.Started(id);
    return pace_.Failed(id, outcome, refusal, next_, now_);
  }
  // An event is refused to its end.
  Pace::Judgement Refuse(Refusal refusal = {.ends = true}) { return Fail(Failure(Verdict::kRejected), refusal); }
  void Deliver() {
    pace_.Started(next_++);
    pace_.Delivered(next_ - 1, now_);
  }
  Chance chance_{1};
  const Policy policy_ = Limits();
  Ticks now_ = kSecond;
  AttemptId next_ = 1;
  Pace pace_{policy_, "", chance_, now_};
};

TEST_F(PaceTest, FailuresShrinkTheWindowAndOpenTheBreaker) {
  EXPECT_TRUE(Fail().began_failing);
  EXPECT_EQ(pace_.window().size(), 4);
  EXPECT_FALSE(Fail().began_failing);
  EXPECT_FALSE(pace_.shut());
  const Pace::Judgement third = Fail();
  EXPECT_TRUE(third.opened && third.shut);
  EXPECT_TRUE(pace_.shut());
  EXPECT_EQ(pace_.last_error(), "answered 503");
  EXPECT_FALSE(pace_.MayStart(now_));
  EXPECT_EQ(pace_.Wake(now_, false), now_ + kSecond);
  EXPECT_TRUE(pace_.MayStart(now_ + kSecond));
}

TEST_F(PaceTest, OnlySignsOfOverloadShrinkTheWindow) {
  Outcome outcome = Failure();
  for (const int status : {500, 404, 302}) {
    outcome.status = status;
    Fail(outcome);
    pace_.Delivered(next_ - 1, now_);
    EXPECT_EQ(pace_.window().size(), 8) << status;
  }
  for (const int status : {0, 429, 502, 503, 504}) {
    Pace pace(policy_, "", chance_, now_);
    outcome.status = status;
    pace.Started(1);
    pace.Failed(1, outcome, {}, 2, now_);
    EXPECT_EQ(pace.window().size(), 4) << status;
  }
}

TEST_F(PaceTest, AnEventThatFailsWhileOthersAreDeliveredWaitsLongerAfterTheFifthTime) {
  Fail();
  EXPECT_LE(LongestDelay(pace_, 5), 100 * kMillisecond);
  EXPECT_GT(LongestDelay(pace_, 6), 100 * kMillisecond);
  EXPECT_GT(LongestDelay(pace_, 100), policy_.max_backoff / 2);
}

// It opens the breaker, or is a probe: when the endpoint is back, it must not wait on.
TEST_F(PaceTest, WhatFailsWhileNothingIsDeliveredWaitsAtOnceForLongerAndNotBeyondTheNextProbe) {
  Fail();
  for (int failures = 2; failures <= 4; ++failures) {
    Fail();
    now_ += kSecond;
    EXPECT_GT(LongestDelay(pace_, 2), 100 * kMillisecond) << failures;
    EXPECT_LE(LongestDelay(pace_, 100), policy_.breaker.longest_backoff) << failures;
  }
  EXPECT_TRUE(pace_.shut());
}

Outcome OfPart() {
  Outcome outcome = Failure(Verdict::kFailed, "no such topic");
  outcome.blames = sinks::Blames::kPart;
  outcome.status = 0;
  return outcome;
}

TEST_F(PaceTest, APartThatFailsIsNeitherASuccessNorAFailureOfTheEndpoint) {
  for (int i = 0; i < 20; ++i) {
    const Pace::Judgement judgement = Fail(OfPart());
    EXPECT_FALSE(judgement.began_failing || judgement.opened || judgement.shut || judgement.recovered);
  }
  EXPECT_EQ(pace_.breaker().failures(), 0);
  EXPECT_EQ(pace_.window().size(), 8);
  EXPECT_FALSE(pace_.failing());
  Fail();
  Fail();
  Fail(OfPart());
  EXPECT_EQ(pace_.breaker().failures(), 2) << "nor does it begin the count anew";
  EXPECT_EQ(pace_.last_error(), "answered 503");
}

TEST_F(PaceTest, WhatAPartHoldsWaitsByItsOwnFailuresWhateverElseFails) {
  for (int i = 0; i < 3; ++i) {
    Fail();
    EXPECT_LE(LongestDelay(pace_, 5, true), 100 * kMillisecond);
    EXPECT_GT(LongestDelay(pace_, 100, true), policy_.max_backoff / 2);
  }
}

// Who answers for a part may stand before a receiver that is away for all others.
TEST_F(PaceTest, AProbeThatAPartAnswersIsFollowedByAnotherAtOnce) {
  for (int i = 0; i < 3; ++i) Fail();
  EXPECT_FALSE(pace_.Failed(1, OfPart(), {}, next_, now_).recovered) << "of an attempt that began before";
  EXPECT_FALSE(pace_.MayStart(now_));
  const Ticks aged = pace_.ActiveAt(now_);
  for (int i = 0; i < 20; ++i) {
    now_ += 8 * kSecond;
    EXPECT_FALSE(Fail(OfPart()).recovered);
    EXPECT_TRUE(pace_.MayStart(now_)) << "somebody else may find out";
    Fail();
    EXPECT_FALSE(pace_.MayStart(now_));
  }
  EXPECT_TRUE(pace_.shut());
  EXPECT_EQ(pace_.ActiveAt(now_), aged);
}

// All that has failed was tried again by then.
TEST_F(PaceTest, WherePartsAloneFailForLongTheBreakerCloses) {
  for (int i = 0; i < 3; ++i) Fail();
  now_ += 16 * kSecond;
  const Pace::Judgement judgement = Fail(OfPart());
  ASSERT_TRUE(judgement.recovered);
  EXPECT_EQ(judgement.recovered->lasted, 16 * kSecond);
  EXPECT_FALSE(pace_.shut() || pace_.failing());
  EXPECT_EQ(pace_.breaker().failures(), 0);
  EXPECT_EQ(pace_.window().size(), 1) << "as after any outage";
}

// It answered all the time: only a success tells that it takes events again.
TEST_F(PaceTest, NotSoWhereRejectionsOpenedIt) {
  for (int i = 0; i < 3; ++i) Refuse();
  ASSERT_TRUE(pace_.shut());
  now_ += kSecond;
  EXPECT_FALSE(Fail(OfPart()).recovered);
  EXPECT_TRUE(pace_.shut());
  EXPECT_TRUE(pace_.MayStart(now_ + 8 * kSecond)) << "and it is probed on";
}

TEST_F(PaceTest, WhatBlamesNobodyEndsAProbeWithoutAVerdict) {
  for (int i = 0; i < 3; ++i) Fail();
  now_ += kSecond;
  Outcome outcome = OfPart();
  outcome.blames = sinks::Blames::kNobody;
  EXPECT_FALSE(Fail(outcome).recovered);
  EXPECT_EQ(pace_.breaker().failed_probes(), 0);
  EXPECT_TRUE(pace_.MayStart(now_ + kSecond));
}

TEST_F(PaceTest, NumberedRepetitionsBeginAtTheBackoff) {
  Policy few = policy_;
  few.max_retries = 5;
  Pace pace(few, "", chance_, now_);
  EXPECT_GT(LongestDelay(pace, 1), kSecond / 2);
  EXPECT_LE(LongestDelay(pace, 1), kSecond);
  EXPECT_GT(LongestDelay(pace, 2), kSecond);
}

TEST_F(PaceTest, ASuccessTellsHowLongItWasDown) {
  for (int i = 0; i < 3; ++i) Fail();
  now_ += 5 * kSecond;
  pace_.Started(next_++);
  const auto recovery = pace_.Delivered(next_ - 1, now_);
  ASSERT_TRUE(recovery);
  ASSERT_TRUE(recovery->lasted);
  EXPECT_EQ(*recovery->lasted, 5 * kSecond);
  EXPECT_FALSE(pace_.shut());
  EXPECT_EQ(pace_.window().size(), 1);
  EXPECT_FALSE(pace_.Delivered(next_ - 1, now_));
}

TEST_F(PaceTest, ARecoveryOfWhatNeverClosedHasNoDuration) {
  Fail();
  const auto recovery = pace_.Delivered(next_ - 1, now_ + 5 * kSecond);
  ASSERT_TRUE(recovery);
  EXPECT_EQ(recovery->lasted, std::nullopt);
}

TEST_F(PaceTest, NothingAgesWhileItIsClosed) {
  const Ticks before = pace_.ActiveAt(now_);
  for (int i = 0; i < 3; ++i) Fail();
  now_ += 100 * kSecond;
  EXPECT_EQ(pace_.ActiveAt(now_), before);
  pace_.Started(next_++);
  pace_.Delivered(next_ - 1, now_);
  EXPECT_EQ(pace_.ActiveAt(now_ + kSecond), before + kSecond);
}

TEST_F(PaceTest, RetryAfterIsAFloorThatOnlyRises) {
  Outcome patience = Failure();
  patience.retry_after = std::chrono::seconds(10);
  Fail(patience);
  patience.retry_after = std::chrono::seconds(1);
  Fail(patience);
  EXPECT_FALSE(pace_.MayStart(now_ + 10 * kSecond - 1));
  EXPECT_TRUE(pace_.MayStart(now_ + 10 * kSecond));
  EXPECT_EQ(pace_.Wake(now_, false), now_ + 10 * kSecond);
  patience.retry_after = std::chrono::hours(9);
  Fail(patience);
  EXPECT_TRUE(pace_.Reachable(now_ + 60 * kSecond));  // no longer than its bound
}

TEST_F(PaceTest, EventsThatAreRejectedInARowAreTheEndpointsFault) {
  EXPECT_FALSE(Refuse().endpoint_at_fault);
  EXPECT_FALSE(Refuse({}).endpoint_at_fault);  // not its last attempt
  EXPECT_FALSE(Refuse().endpoint_at_fault);
  EXPECT_FALSE(pace_.shut());
  const Pace::Judgement third = Refuse();
  EXPECT_TRUE(third.endpoint_at_fault && third.opened);
  now_ += kSecond;
  EXPECT_TRUE(Refuse().endpoint_at_fault);  // until it has delivered
  pace_.Started(next_++);
  pace_.Delivered(next_ - 1, now_);
  EXPECT_FALSE(Refuse().endpoint_at_fault);
}

// What was refused is refused again after a delivery: the receiver means it, and takes more of them in a row. It costs
// no more events before a delivery for that.
TEST_F(PaceTest, AFalseAlarmMakesTheNextRowLongerAndNoDearer) {
  for (int i = 0; i < 3; ++i) Refuse();
  ASSERT_TRUE(pace_.shut());
  Deliver();
  pace_.AlarmWas(/*right=*/false);
  int died = 0, row = 0;
  for (; !pace_.shut(); ++row) died += Refuse().endpoint_at_fault ? 0 : 1;
  EXPECT_EQ(row, 12);
  EXPECT_EQ(died, 2);
}

TEST_F(PaceTest, NorDoesAnyWaitWhereNoOtherCanTell) {
  for (int i = 0; i < 3; ++i) Refuse();
  Deliver();
  pace_.AlarmWas(/*right=*/false);
  for (int i = 0; i < 11; ++i) EXPECT_FALSE(Refuse({.ends = true, .alone = true}).endpoint_at_fault) << i;
  EXPECT_TRUE(Refuse({.ends = true, .alone = true}).opened);
}

TEST_F(PaceTest, AnAlarmThatWasRightDoesNot) {
  for (int i = 0; i < 3; ++i) Refuse();
  Deliver();
  pace_.AlarmWas(/*right=*/true);
  pace_.AlarmWas(/*right=*/false);
  for (int i = 0; i < 3; ++i) Refuse();
  EXPECT_TRUE(pace_.shut());
}

TEST_F(PaceTest, NothingAgesWhileTheSinkWaitsForItsDestination) {
  const Ticks before = pace_.ActiveAt(now_);
  pace_.Stall(true, now_);
  now_ += 100 * kSecond;
  Fail();
  EXPECT_EQ(pace_.ActiveAt(now_), before);
  pace_.Stall(false, now_);
  EXPECT_EQ(pace_.ActiveAt(now_ + kSecond), before + kSecond);
}

// The time of refusals runs where the breaker is open as well, but neither while nothing answers nor while it is not
// known whether anything does.
TEST_F(PaceTest, TheTimeOfRefusalsIsThatInWhichTheEndpointAnswers) {
  const Ticks before = pace_.AnsweringAt(now_);
  for (int i = 0; i < 3; ++i) Refuse();
  now_ += 10 * kSecond;
  EXPECT_EQ(pace_.AnsweringAt(now_), before + 10 * kSecond);
  Fail();
  now_ += 100 * kSecond;
  Refuse();
  now_ += kSecond;
  EXPECT_EQ(pace_.AnsweringAt(now_), before + 11 * kSecond);
  Pace next(policy_, "", chance_, 5);
  next.Restore(pace_.Row(Moment{now_, 0}), Moment{5, 0});
  EXPECT_EQ(next.AnsweringAt(5 + 100 * kSecond), next.AnsweringAt(5));
}

TEST_F(PaceTest, WhatIsGoneIsPausedWithItsReason) {
  const Pace::Judgement gone = Fail(Failure(Verdict::kGone, ""));
  EXPECT_TRUE(gone.paused && gone.endpoint_at_fault && gone.shut);
  EXPECT_EQ(pace_.pause(), "the endpoint answered 410 Gone");
  EXPECT_FALSE(pace_.MayStart(kNever - 1));
  EXPECT_FALSE(Fail(Failure(Verdict::kGone, "again")).paused);
  EXPECT_EQ(pace_.pause(), "the endpoint answered 410 Gone");
}

TEST_F(PaceTest, AProbeThatIsLetGoSaysNothing) {
  for (int i = 0; i < 3; ++i) Fail();
  now_ += kSecond;
  pace_.Started(next_);
  EXPECT_FALSE(pace_.MayStart(now_ + 100 * kSecond));
  pace_.LetGo(next_, now_);
  EXPECT_TRUE(pace_.MayStart(now_ + kSecond));
}

Moment At(Ticks ticks, std::int64_t wall) { return {ticks, wall}; }

TEST_F(PaceTest, GoesOnAfterARestartWhereItStood) {
  for (int i = 0; i < 3; ++i) Fail();
  now_ += kSecond;
  Fail();  // the probe
  Outcome patience = Failure();
  patience.retry_after = std::chrono::seconds(30);
  Fail(patience);
  const PaceRow row = pace_.Row(At(now_, 1'000 * kSecond));
  EXPECT_EQ(PaceRow::Parse(row.Write()), row);

  Pace next(policy_, "", chance_, 5);
  next.Restore(row, At(5, 1'010 * kSecond));  // ten seconds later, on another steady clock
  EXPECT_TRUE(next.shut() && next.failing());
  EXPECT_EQ(next.last_error(), "answered 503");
  EXPECT_EQ(next.breaker().failed_probes(), pace_.breaker().failed_probes());
  EXPECT_FALSE(next.MayStart(5 + 20 * kSecond - 1));
  EXPECT_TRUE(next.MayStart(5 + 20 * kSecond));
  next.Started(1);
  const auto recovery = next.Delivered(1, 5 + 20 * kSecond);
  ASSERT_TRUE(recovery);
  EXPECT_EQ(recovery->lasted, 31 * kSecond);
}

TEST_F(PaceTest, AStreakOfRejectionsGoesOnAfterARestart) {
  Refuse();
  Refuse();
  Pace next(policy_, "", chance_, 5);
  next.Restore(*PaceRow::Parse(pace_.Row(At(now_, 0)).Write()), At(5, 0));
  EXPECT_FALSE(next.shut());
  EXPECT_TRUE(next.Failed(1, Failure(Verdict::kRejected), {.ends = true}, 2, 5).opened);
}

TEST_F(PaceTest, AClockThatJumpedHoldsNothingForLongerThanItsCauseAllows) {
  Outcome patience = Failure();
  patience.retry_after = std::chrono::seconds(50);
  for (int i = 0; i < 3; ++i) Fail(patience);
  const PaceRow row = pace_.Row(At(now_, 1'000'000 * kSecond));
  for (const std::int64_t wall : {std::int64_t{0}, 9'000'000 * kSecond}) {
    Pace next(policy_, "", chance_, 5);
    next.Restore(row, At(5, wall));
    EXPECT_TRUE(next.MayStart(5 + 60 * kSecond));
  }
}

TEST(PaceRow, WhatIsWellStoresNothingAndNonsenseIsNothing) {
  EXPECT_EQ(PaceRow().Write(), "");
  for (const char* text : {"", "x", "failures", "failures x", "open 1", "open 1 2 -3", "rejections 1 1", "error e"}) {
    EXPECT_FALSE(PaceRow::Parse(text)) << text;
  }
}

TEST(PaceRow, IsReadAsItWasWritten) {
  PaceRow row;
  row.entry = "abc";
  row.failures = 4;
  row.refusals = {.in_a_row = 2, .streak = 77, .opened = true, .alarm = true, .false_alarms = 3};
  row.open = {-5, 1'700'000'000'000'000'000, 3};
  row.floor = 17;
  row.error = "answered 503\nfloor 99";
  EXPECT_EQ(PaceRow::Parse(row.Write()), row);
  EXPECT_EQ(PaceRow::Parse("later 5 6\n" + row.Write()), row);  // of a newer version
}

}  // namespace
}  // namespace portcall::broker
