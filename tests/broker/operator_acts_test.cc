#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>

#include "store/endpoints.h"
#include "store/event_log.h"
#include "tests/broker/broker_world.h"

namespace portcall::broker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::chrono::seconds kRest(1);

class OperatorActsTest : public ::testing::Test {
 protected:
  Broker& broker() { return world_.broker(); }
  // Nothing comes of what was appended, for a while.
  bool Rests(const std::string& name, std::size_t accepted) {
    return !world_.receiver(name).Await(accepted + 1, kRest);
  }
  void Orphan(int events) {
    world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
    ASSERT_TRUE(world_.Start({world_.Entry("hook"), world_.Entry("other")}));
    world_.Append("repo", events);
    ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == events; }));
    ASSERT_TRUE(world_.Apply({world_.Entry("other")}));
  }
  World world_;
};

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

TEST_F(OperatorActsTest, ADeadLetterIsDroppedByItsNumber) {
  auto entry = world_.Entry("hook");
  entry.max_retries = 1;
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(500); });
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo", 2);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").dead_letters == 2; }));
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 2; }));
  const std::int64_t id = world_.Dead("hook").front().id;
  const auto dropped = broker().DropDead(std::array{id, std::int64_t{99}}, "root");
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->done, 1);
  ASSERT_EQ(dropped->left.size(), 1u);
  EXPECT_EQ(dropped->left[0].reason, "no dead letter 99");
  EXPECT_EQ(world_.Dead("hook").size(), 1u);
  EXPECT_EQ(world_.StatusOf("hook").dead_letters, 1);
  EXPECT_EQ(broker().DropDead(std::array{id}, "root")->done, 0);
}

// Those of it that an operator names, a page of them at a time.
std::vector<std::int64_t> IdsOf(const std::vector<store::DeadLetter>& letters) {
  std::vector<std::int64_t> ids;
  for (const store::DeadLetter& letter : letters) ids.push_back(letter.id);
  return ids;
}

TEST_F(OperatorActsTest, DeadLettersAreSentAgainToTheirEndpointAlone) {
  constexpr std::size_t kLetters = 70;  // more than one transaction takes
  auto entry = world_.Entry("hook");
  world_.receiver("hook").Set([](const store::Event& event) {
    if (event.repository != "bad") return Receiver::Accept();
    sinks::Outcome refused;
    refused.verdict = sinks::Verdict::kUndeliverable;
    refused.error = "too large";
    return refused;
  });
  ASSERT_TRUE(world_.Start({entry, world_.Entry("other")}));
  for (std::size_t i = 0; i < kLetters; ++i) {
    world_.Append("bad");
    world_.Append("good");
  }
  ASSERT_TRUE(world_.receiver("other").Await(2 * kLetters));
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == kLetters; }));
  const auto letters = world_.Dead("hook");
  auto narrow = entry;
  narrow.only.repositories = {"nothing/of/this"};
  narrow.fingerprint = "narrow";
  ASSERT_TRUE(world_.Apply({narrow, world_.Entry("other")}));
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Accept(); });
  const auto retried = broker().RetryDead(IdsOf(letters), "root");
  ASSERT_TRUE(retried);
  EXPECT_EQ(retried->done, static_cast<std::int64_t>(kLetters));
  EXPECT_TRUE(retried->left.empty());
  ASSERT_TRUE(world_.receiver("hook").Await(2 * kLetters)) << "whatever its filters are now";
  std::vector<std::string> wanted, got = world_.receiver("hook").ids();
  for (const auto& letter : letters) wanted.push_back(letter.event.id);
  EXPECT_THAT(got, ::testing::IsSupersetOf(wanted));
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 0; }));
  EXPECT_EQ(world_.StatusOf("hook").dead_letters, 0);
  EXPECT_TRUE(Rests("other", 2 * kLetters));
  EXPECT_EQ(world_.StatusOf("other").pending, 0);
  EXPECT_EQ(broker().RetryDead(IdsOf(letters), "root")->done, 0) << "they are dead no more";
}

TEST_F(OperatorActsTest, WhatIsSentAgainOutlivesARestartAndMayDieAgain) {
  auto entry = world_.Entry("hook");
  entry.max_retries = 0;
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(500); });
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo");
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  const auto letter = world_.Dead("hook").front();
  ASSERT_TRUE(broker().Pause("hook", "", "root"));
  ASSERT_EQ(broker().RetryDead(std::array{letter.id}, "root")->done, 1);
  world_.Stop();
  ASSERT_TRUE(world_.Start({entry}));
  EXPECT_EQ(world_.StatusOf("hook").pending, 1);
  EXPECT_TRUE(world_.Dead("hook").empty());
  ASSERT_TRUE(broker().Resume("hook", "root"));
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  const auto again = world_.Dead("hook").front();
  EXPECT_EQ(again.event.id, letter.event.id);
  ASSERT_TRUE(again.event.retrial);
  EXPECT_EQ(again.event.retrial->seqs, std::vector<store::Seq>{letter.event.seq});
}

TEST_F(OperatorActsTest, ARenamedEndpointGetsItsOwnAgainAndNoOtherOfItsName) {
  auto entry = world_.Entry("hook");
  entry.max_retries = 0;
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(500); });
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo");
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  auto renamed = world_.Entry("new");
  renamed.was = "hook";
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Accept(); });
  ASSERT_TRUE(world_.Apply({renamed}));
  ASSERT_TRUE(world_.Apply({renamed, world_.Entry("hook")}));
  ASSERT_EQ(broker().RetryDead(IdsOf(world_.Dead("hook")), "root")->done, 1);
  EXPECT_TRUE(world_.receiver("new").Await(1));
  EXPECT_TRUE(Rests("hook", 0));
}

TEST_F(OperatorActsTest, DeadLettersOfARemovedEndpointStay) {
  auto entry = world_.Entry("hook");
  entry.max_retries = 0;
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(500); });
  ASSERT_TRUE(world_.Start({entry, world_.Entry("other")}));
  world_.Append("repo");
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  ASSERT_TRUE(world_.Apply({world_.Entry("other")}));
  const auto retried = broker().RetryDead(IdsOf(world_.Dead("hook")), "root");
  ASSERT_TRUE(retried);
  EXPECT_EQ(retried->done, 0);
  ASSERT_EQ(retried->left.size(), 1u);
  EXPECT_EQ(retried->left[0].reason, "endpoint hook is not in use");
  EXPECT_EQ(world_.Dead("hook").size(), 1u);
}

TEST_F(OperatorActsTest, ADropWaitsForAReloadWhichCountsWhatIsDead) {
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  std::promise<void> begun, go_on;
  world_.disk = std::async(std::launch::deferred,
                           [&] {  // runs where the reload waits for the disk
                             begun.set_value();
                             go_on.get_future().wait();
                           })
                    .share();
  auto slow = world_.Entry("slow");
  slow.url = "disk";
  auto reload = std::async(std::launch::async, [&] { return world_.Apply({world_.Entry("hook"), slow}); });
  begun.get_future().wait();
  EXPECT_EQ(broker().DropDead(std::array{std::int64_t{99}}, "root")->done, 0);
  EXPECT_EQ(reload.wait_for(std::chrono::seconds(2)), std::future_status::ready) << "its turn is over";
  go_on.set_value();
  EXPECT_FALSE(reload.get()) << "the disk took too long";
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
