#include <gmock/gmock.h>

#include <array>
#include <future>

#include "store/event_log.h"
#include "tests/broker/operator_acts_fixture.h"

// What operators do to dead letters.
namespace portcall::broker {
namespace {

class OperatorDeadTest : public OperatorActsTest {
 protected:
  // One event at the endpoint `hook`, whose receiver goes on to fail.
  void Die(const std::vector<config::Endpoint>& others = {}) {
    hook_ = world_.Entry("hook");
    hook_.max_retries = 0;
    world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(500); });
    std::vector<config::Endpoint> all = others;
    all.push_back(hook_);
    ASSERT_TRUE(world_.Start(all));
    world_.Append("repo");
    ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  }
  config::Endpoint hook_;
};

TEST_F(OperatorDeadTest, ADeadLetterIsDroppedByItsNumber) {
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

TEST_F(OperatorDeadTest, DeadLettersAreSentAgainToTheirEndpointAlone) {
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

TEST_F(OperatorDeadTest, WhatIsSentAgainOutlivesARestartAndMayDieAgain) {
  ASSERT_NO_FATAL_FAILURE(Die());
  const auto letter = world_.Dead("hook").front();
  ASSERT_TRUE(broker().Pause("hook", "", "root"));
  ASSERT_EQ(broker().RetryDead(std::array{letter.id}, "root")->done, 1);
  world_.Stop();
  ASSERT_TRUE(world_.Start({hook_}));
  EXPECT_EQ(world_.StatusOf("hook").pending, 1);
  EXPECT_TRUE(world_.Dead("hook").empty());
  ASSERT_TRUE(broker().Resume("hook", "root"));
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  const auto again = world_.Dead("hook").front();
  EXPECT_EQ(again.event.id, letter.event.id);
  ASSERT_TRUE(again.event.retrial);
  EXPECT_EQ(again.event.retrial->seqs, std::vector<store::Seq>{letter.event.seq});
}

TEST_F(OperatorDeadTest, ARenamedEndpointGetsItsOwnAgainAndNoOtherOfItsName) {
  ASSERT_NO_FATAL_FAILURE(Die());
  auto renamed = world_.Entry("new");
  renamed.was = "hook";
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Accept(); });
  ASSERT_TRUE(world_.Apply({renamed}));
  ASSERT_TRUE(world_.Apply({renamed, world_.Entry("hook")}));
  ASSERT_EQ(broker().RetryDead(IdsOf(world_.Dead("hook")), "root")->done, 1);
  EXPECT_TRUE(world_.receiver("new").Await(1));
  EXPECT_TRUE(Rests("hook", 0));
}

TEST_F(OperatorDeadTest, DeadLettersOfARemovedEndpointStay) {
  ASSERT_NO_FATAL_FAILURE(Die({world_.Entry("other")}));
  ASSERT_TRUE(world_.Apply({world_.Entry("other")}));
  const auto retried = broker().RetryDead(IdsOf(world_.Dead("hook")), "root");
  ASSERT_TRUE(retried);
  EXPECT_EQ(retried->done, 0);
  ASSERT_EQ(retried->left.size(), 1u);
  EXPECT_EQ(retried->left[0].reason, "endpoint hook is not in use");
  EXPECT_EQ(world_.Dead("hook").size(), 1u);
}

TEST_F(OperatorDeadTest, ADropWaitsForAReloadWhichCountsWhatIsDead) {
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

}  // namespace
}  // namespace portcall::broker
