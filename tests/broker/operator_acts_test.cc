#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "store/endpoints.h"
#include "store/event_log.h"
#include "tests/broker/operator_acts_fixture.h"

namespace portcall::broker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(OperatorActsTest, APauseKeepsEventsUntilItIsResumed) {
  ASSERT_TRUE(world_.Start({world_.Entry("hook"), world_.Entry("other")}));
  ASSERT_TRUE(broker().Pause("hook", "receiver is moved", "root"));
  world_.Append("repo", 3);
  EXPECT_TRUE(world_.receiver("other").Await(3)) << "another endpoint is not paused";
  EXPECT_TRUE(Rests("hook", 0));
  const EndpointStatus status = world_.StatusOf("hook");
  EXPECT_EQ(WordOf(status.condition), "paused");
  EXPECT_TRUE(status.paused_by_operator);
  EXPECT_EQ(status.reason, "receiver is moved (by root)");
  EXPECT_GT(status.since, 0);
  EXPECT_EQ(status.pending, 3);
  const auto resumed = broker().Resume("hook", "root");
  ASSERT_TRUE(resumed);
  EXPECT_TRUE(*resumed);
  EXPECT_TRUE(world_.receiver("hook").Await(3));
  EXPECT_EQ(WordOf(world_.StatusOf("hook").condition), "ok");
  const auto again = broker().Resume("hook", "root");
  ASSERT_TRUE(again);
  EXPECT_FALSE(*again) << "it was not paused";
}

TEST_F(OperatorActsTest, APauseOutlivesARestartAndAChangedEntry) {
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  ASSERT_TRUE(broker().Pause("hook", "", "root"));
  const std::int64_t since = world_.StatusOf("hook").since;
  world_.Stop();
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 2);
  EXPECT_TRUE(Rests("hook", 0));
  EXPECT_EQ(world_.StatusOf("hook").since, since);
  auto changed = world_.Entry("hook");
  changed.fingerprint = "another";
  ASSERT_TRUE(world_.Apply({changed}));
  EXPECT_TRUE(Rests("hook", 0)) << "an operator's pause ends by its word alone";
  EXPECT_EQ(world_.StatusOf("hook").reason, "by root");
  ASSERT_TRUE(broker().Resume("hook", "root"));
  EXPECT_TRUE(world_.receiver("hook").Await(2));
  world_.Stop();
  ASSERT_TRUE(world_.Start({changed}));
  EXPECT_FALSE(world_.StatusOf("hook").paused);
}

TEST_F(OperatorActsTest, ResumingEndsThePauseOfA410) {
  world_.receiver("hook").Set([](const store::Event&) {
    sinks::Outcome gone;
    gone.verdict = sinks::Verdict::kGone;
    gone.status = 410;
    gone.error = "answered 410 Gone";
    return gone;
  });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo");
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").paused; }));
  const EndpointStatus status = world_.StatusOf("hook");
  EXPECT_FALSE(status.paused_by_operator);
  ASSERT_TRUE(status.last_error);
  EXPECT_EQ(status.last_error->status, 410);
  EXPECT_EQ(status.last_error->text, "answered 410 Gone");
  world_.receiver("hook").Set(nullptr);
  ASSERT_TRUE(broker().Resume("hook", "root"));
  EXPECT_TRUE(world_.receiver("hook").Await(1));
  world_.Stop();
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  EXPECT_FALSE(world_.StatusOf("hook").paused);
}

// What runs is what is stored, also where a receiver answers 410 while somebody says `resume`.
TEST_F(OperatorActsTest, A410ThatComesWhileNothingIsResumedStays) {
  std::atomic<int> answers = 0;
  world_.receiver("hook").Hold(true);
  world_.receiver("hook").Set(
      [&](const store::Event&) { return ++answers == 1 ? Receiver::Fail(410) : Receiver::Accept(); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo");
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").in_flight == 1; }));
  world_.AfterNextWrite([&] {
    world_.receiver("hook").Hold(false);
    EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").paused; }));
  });
  const auto resumed = broker().Resume("hook", "root");
  ASSERT_TRUE(resumed);
  const bool paused = world_.StatusOf("hook").paused;
  EXPECT_NE(*resumed, paused);
  world_.Stop();
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  EXPECT_EQ(world_.StatusOf("hook").paused, paused);
  ASSERT_TRUE(broker().Resume("hook", "root"));
  EXPECT_TRUE(world_.receiver("hook").Await(1));
  world_.receiver("hook").Set(nullptr);
}

// Whoever resumes it has seen to it: what was asked before says nothing of that.
TEST_F(OperatorActsTest, AnAnswerFromBeforeTheResumeDoesNotPauseItAgain) {
  auto entry = world_.Entry("hook");
  entry.order = config::Order::kNone;
  entry.concurrency = 3;
  world_.receiver("hook").Hold(true);
  std::atomic<int> answers = 0;
  world_.receiver("hook").Set(
      [&](const store::Event&) { return ++answers <= 3 ? Receiver::Fail(410) : Receiver::Accept(); });
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo", 3);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").in_flight == 3; }));
  ASSERT_TRUE(broker().Pause("hook", "", "root"));
  ASSERT_TRUE(broker().Resume("hook", "root"));
  world_.receiver("hook").Hold(false);
  EXPECT_TRUE(world_.receiver("hook").Await(3));
  EXPECT_FALSE(world_.StatusOf("hook").paused);
  answers = 0;
  world_.Append("repo");
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").paused; })) << "one from afterwards does";
  world_.Stop();  // `answers` goes first
}

// What an operator wants stands, whatever comes of what was under way.
TEST_F(OperatorActsTest, A410DoesNotTakeAnOperatorsPauseOver) {
  world_.receiver("hook").Hold(true);
  world_.receiver("hook").Set([](const store::Event&) {
    sinks::Outcome gone;
    gone.verdict = sinks::Verdict::kGone;
    return gone;
  });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo");
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").in_flight == 1; }));
  ASSERT_TRUE(broker().Pause("hook", "mine", "root"));
  world_.receiver("hook").Hold(false);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").in_flight == 0; }));
  auto changed = world_.Entry("hook");
  changed.fingerprint = "another";
  ASSERT_TRUE(world_.Apply({changed}));
  EXPECT_TRUE(world_.StatusOf("hook").paused_by_operator);
}

TEST_F(OperatorActsTest, SaysWhichNameMayBeMeant) {
  auto disabled = world_.Entry("off");
  disabled.disabled = true;
  ASSERT_TRUE(world_.Start({world_.Entry("kafka"), disabled}));
  const auto unknown = broker().Pause("kafak", "", "root");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::kNotFound);
  EXPECT_THAT(unknown.error().detail, AllOf(HasSubstr("kafak"), HasSubstr("did you mean kafka?")));
  EXPECT_EQ(broker().Resume("off", "root").error().code, Errc::kConflict);
  EXPECT_EQ(broker().Drop("kafka", "root").error().code, Errc::kConflict);
  EXPECT_EQ(broker().Drop("nobody", "root").error().code, Errc::kNotFound);
}

TEST_F(OperatorActsTest, ADroppedBacklogIsGivenUpAndNothingElse) {
  Orphan(5);
  const auto meant = broker().Drop("hok", "root");
  ASSERT_FALSE(meant);
  EXPECT_THAT(meant.error().detail, HasSubstr("did you mean hook?"));
  const auto dropped = broker().Drop("hook", "root");
  ASSERT_TRUE(dropped) << dropped.error().detail;
  EXPECT_EQ(*dropped, 5);
  EXPECT_THAT(world_.AllOf("hook"), IsEmpty());
  EXPECT_EQ(world_.Cursors().size(), 1u);
  EXPECT_EQ(broker().Drop("hook", "root").error().code, Errc::kNotFound) << "there is nothing more to drop";
  world_.Append("repo");
  EXPECT_TRUE(world_.receiver("other").Await(6)) << "another endpoint goes on";
}

TEST_F(OperatorActsTest, WhatIsDroppedLeavesNoPauseBehind) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook"), world_.Entry("other")}));
  ASSERT_TRUE(broker().Pause("hook", "", "root"));
  world_.Append("repo");
  ASSERT_TRUE(world_.Apply({world_.Entry("other")}));
  ASSERT_TRUE(world_.Apply({world_.Entry("hook"), world_.Entry("other")}));
  EXPECT_TRUE(world_.StatusOf("hook").paused) << "it came back, and nobody has resumed it";
  ASSERT_TRUE(world_.Apply({world_.Entry("other")}));
  ASSERT_TRUE(broker().Drop("hook", "root"));
  ASSERT_TRUE(world_.Apply({world_.Entry("hook"), world_.Entry("other")}));
  EXPECT_FALSE(world_.StatusOf("hook").paused);
}

TEST_F(OperatorActsTest, AnEndpointThatCameBackKeepsItsOwn) {
  Orphan(5);
  ASSERT_TRUE(world_.Apply({world_.Entry("hook"), world_.Entry("other")}));
  world_.Append("repo", 2);
  ASSERT_TRUE(world_.Eventually([&] { return world_.AllOf("hook").size() == 2; }));
  ASSERT_TRUE(broker().Drop("hook", "root"));
  EXPECT_EQ(world_.AllOf("hook").size(), 1u);
  world_.receiver("hook").Set(nullptr);
  EXPECT_TRUE(world_.receiver("hook").Await(2));
}

TEST_F(OperatorActsTest, WhatWasDoneIsDoneOnceWhereNobodyCouldTell) {
  Orphan(3);
  world_.HideNextOutcome();
  ASSERT_TRUE(broker().Pause("other", "", "root"));
  EXPECT_TRUE(world_.StatusOf("other").paused);
  world_.HideNextOutcome();
  ASSERT_TRUE(broker().Resume("other", "root"));
  EXPECT_FALSE(world_.StatusOf("other").paused);
}

TEST_F(OperatorActsTest, TwoAtOnceAndAReloadLeaveOneState) {
  ASSERT_TRUE(world_.Start({world_.Entry("hook"), world_.Entry("other")}));
  std::vector<std::future<bool>> done;
  for (int i = 0; i < 4; ++i) {
    done.push_back(std::async(std::launch::async, [&] { return bool(broker().Pause("hook", "", "root")); }));
    done.push_back(std::async(std::launch::async, [&] { return bool(broker().Resume("hook", "root")); }));
  }
  auto changed = world_.Entry("hook");
  changed.fingerprint = "another";
  EXPECT_TRUE(world_.Apply({changed, world_.Entry("other")}));
  for (auto& one : done) EXPECT_TRUE(one.get());
  const bool paused = world_.StatusOf("hook").paused;
  world_.Stop();
  ASSERT_TRUE(world_.Start({changed, world_.Entry("other")}));
  EXPECT_EQ(world_.StatusOf("hook").paused, paused) << "what runs is what is stored";
}

TEST_F(OperatorActsTest, TheRateAndTheLastErrorAreShown) {
  auto entry = world_.Entry("hook");
  entry.threshold = 1;
  entry.backoff = entry.max_backoff = std::chrono::seconds(20);
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo", 4);
  ASSERT_TRUE(world_.receiver("hook").Await(4));
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").delivered_last_minute == 4; }));
  world_.clock().Advance(std::chrono::minutes(2));
  EXPECT_EQ(world_.StatusOf("hook").delivered_last_minute, 0u);
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(503); });
  world_.Append("repo");
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").condition == Condition::kDown; }));
  const EndpointStatus status = world_.StatusOf("hook");
  EXPECT_EQ(status.last_error->status, 503);
  EXPECT_EQ(status.last_error->attempt, 1);
  ASSERT_TRUE(status.next_try);
  EXPECT_GT(*status.next_try, status.since) << "the breaker has opened, and waits before its first probe";
  EXPECT_LE(*status.next_try - status.since, 21'000'000'000);
}

}  // namespace
}  // namespace portcall::broker
