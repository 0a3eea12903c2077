#include <gtest/gtest.h>

#include "tests/broker/simulation.h"

// What a changed order or collapse does to what waits (docs/delivery.md §5).
namespace portcall::broker {
namespace {

using config::Order;
using sinks::Outcome;
using sinks::Verdict;
using store::Action;
using Seqs = std::vector<store::Seq>;

config::Endpoint Entry(Order order, bool collapse = false) {
  config::Endpoint endpoint;
  endpoint.name = "hook";
  endpoint.order = order;
  endpoint.collapse = collapse;
  endpoint.debounce = std::chrono::milliseconds(0);
  endpoint.max_backoff = std::chrono::seconds(10);
  endpoint.threshold = 1'000;
  return endpoint;
}

class EndpointChangeTest : public ::testing::Test {
 protected:
  void Begin(const config::Endpoint& endpoint) {
    world_ = std::make_unique<Simulation>(endpoint, 1);
    world_->receiver = [this](const store::Event& event, Moment) {
      Outcome outcome;
      outcome.status = failing_.contains(event.seq) ? 503 : 200;
      outcome.verdict = outcome.status == 200 ? Verdict::kDelivered : Verdict::kFailed;
      return outcome;
    };
  }
  void Change(const config::Endpoint& endpoint) { world_->Reload(endpoint); }
  Seqs AcceptedInOrder() const {
    Seqs seqs;
    for (const auto& [at, seq] : world_->sent_at) {
      if (!failing_.contains(seq)) seqs.push_back(seq);
    }
    return seqs;
  }
  // Event 1 waits, 2 and 3 come after the change; 3 is of another repository.
  void ExpectThatWhatWaitsGoesFirst() {
    world_->Append("app", Action::kPush, "v2");
    world_->Append("web", Action::kPush, "v1");
    world_->RunFor(20 * kSecond);
    EXPECT_FALSE(world_->accepted.contains(2));
    EXPECT_TRUE(world_->core().held_by_change());
    failing_.clear();
    ASSERT_TRUE(world_->RunUntilIdle(60 * kSecond));
    EXPECT_EQ(world_->accepted.size(), 3u);
    EXPECT_FALSE(world_->core().held_by_change());
    EXPECT_TRUE(world_->violations.empty()) << world_->violations.front();
  }
  void BeginWithOneThatWaits(const config::Endpoint& endpoint, const std::string& row) {
    Begin(endpoint);
    failing_ = {1};
    world_->Append("app", Action::kPush, "v1");
    world_->RunFor(kSecond);
    ASSERT_TRUE(world_->rows.contains(row));
  }

  std::set<store::Seq> failing_;
  std::unique_ptr<Simulation> world_;
};

TEST_F(EndpointChangeTest, ARepositoryGoesBehindItsSingleEventsThatWait) {
  BeginWithOneThatWaits(Entry(Order::kNone), "#1");
  Change(Entry(Order::kRepository));
  ExpectThatWhatWaitsGoesFirst();
}

TEST_F(EndpointChangeTest, ARepositoryGoesBehindItsTagsThatWait) {
  BeginWithOneThatWaits(Entry(Order::kRepository, true), "\napp:v1");
  Change(Entry(Order::kRepository));
  ExpectThatWhatWaitsGoesFirst();
}

TEST_F(EndpointChangeTest, ATagGoesBehindItsSingleEventsThatWait) {
  BeginWithOneThatWaits(Entry(Order::kNone), "#1");
  Change(Entry(Order::kRepository, true));
  ExpectThatWhatWaitsGoesFirst();
}

TEST_F(EndpointChangeTest, EverythingGoesBehindWhatWaitsWhereTheOrderBecomesStrict) {
  BeginWithOneThatWaits(Entry(Order::kRepository), "\napp");
  Change(Entry(Order::kStrict));
  ExpectThatWhatWaitsGoesFirst();
}

TEST_F(EndpointChangeTest, ACrashDoesNotEndTheWait) {
  BeginWithOneThatWaits(Entry(Order::kNone), "#1");
  Change(Entry(Order::kRepository));
  world_->Append("app");
  world_->RunFor(kSecond);
  world_->Crash();
  world_->RunFor(20 * kSecond);
  EXPECT_FALSE(world_->accepted.contains(2));
  failing_.clear();
  ASSERT_TRUE(world_->RunUntilIdle(60 * kSecond));
  EXPECT_EQ(AcceptedInOrder().back(), 2);
}

// Event 1 waits in its large lane, which takes those that come after the change: else both lanes would read them after
// a restart.
TEST_F(EndpointChangeTest, NoEventIsInALargeLaneAndInASmallOne) {
  for (const config::Endpoint& changed : {Entry(Order::kNone), Entry(Order::kRepository, true)}) {
    SCOPED_TRACE(changed.collapse);
    BeginWithOneThatWaits(Entry(Order::kRepository), "\napp");
    Change(changed);
    for (int i = 2; i <= 40; ++i) world_->Append("app", Action::kPush, "v" + std::to_string(i));
    world_->RunFor(10 * kSecond);
    world_->Restart();
    failing_.clear();
    ASSERT_TRUE(world_->RunUntilIdle(60 * kSecond));
    EXPECT_EQ(world_->cursor.settled, 40);
    for (store::Seq seq = 2; seq <= 40; ++seq) EXPECT_EQ(world_->sends[seq], 1) << seq;
    EXPECT_TRUE(world_->violations.empty()) << world_->violations.front();
  }
}

TEST_F(EndpointChangeTest, ATagsLaneTakesItsEventsWhereTheOrderEnds) {
  BeginWithOneThatWaits(Entry(Order::kRepository, true), "\napp:v1");
  Change(Entry(Order::kNone));
  for (int i = 2; i <= 40; ++i) world_->Append("app", Action::kPush, i % 2 == 0 ? "v1" : "v2");
  world_->RunFor(10 * kSecond);
  EXPECT_TRUE(world_->accepted.contains(3));  // of another tag
  EXPECT_FALSE(world_->accepted.contains(2));
  world_->Restart();
  failing_.clear();
  ASSERT_TRUE(world_->RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world_->cursor.settled, 40);
  for (store::Seq seq = 2; seq <= 40; ++seq) EXPECT_EQ(world_->sends[seq], 1) << seq;
}

// What of a repository waits is more than is held in memory, and each push looks for later ones of its tag in it.
TEST_F(EndpointChangeTest, CollapseGetsThroughMoreThanMemoryHolds) {
  BeginWithOneThatWaits(Entry(Order::kRepository), "\napp");
  world_->details = std::string(100'000, 'x');
  for (int i = 0; i < 300; ++i) world_->Append("app", Action::kPush, "t" + std::to_string(i));
  world_->RunFor(kSecond);
  Change(Entry(Order::kRepository, true));
  failing_.clear();
  ASSERT_TRUE(world_->RunUntilIdle(600 * kSecond));
  EXPECT_EQ(world_->accepted.size(), 301u);
}

TEST_F(EndpointChangeTest, AnEventOfAStrictOrderKeepsItsAttemptsAndDueTime) {
  Begin(Entry(Order::kStrict));
  failing_ = {1};
  world_->Append("app");
  world_->RunFor(30 * kSecond);
  ASSERT_TRUE(world_->rows.contains("*"));
  Change(Entry(Order::kRepository));
  const int before = world_->sends[1];
  const std::int64_t attempts = world_->rows.at("*").attempts, due = world_->rows.at("*").due;
  ASSERT_GT(due, world_->now().wall);
  world_->RunFor(due - world_->now().wall - kMillisecond);
  EXPECT_EQ(world_->sends[1], before);
  EXPECT_EQ(world_->rows.at("\napp").attempts, attempts);
  EXPECT_FALSE(world_->rows.contains("*"));
  failing_.clear();
  ASSERT_TRUE(world_->RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world_->sends[1], before + 1);
}

TEST_F(EndpointChangeTest, WhatMayHaveLeftIsNotSentAgainWhereTheOrderWasStrict) {
  config::Endpoint endpoint = Entry(Order::kStrict);
  endpoint.retry_on_timeout = false;
  Begin(endpoint);
  world_->latency = 60 * kSecond;
  world_->Append("app");
  world_->RunFor(kSecond);
  ASSERT_EQ(world_->sends[1], 1);
  endpoint.order = Order::kRepository;
  world_->Crash(0, endpoint);
  ASSERT_TRUE(world_->RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world_->sends[1], 1);
  EXPECT_EQ(world_->dead[1].reason, "outcome unknown");
}

// An earlier filter's event that may have left is passed over by the next one, and does not come back by a third.
TEST_F(EndpointChangeTest, WhatMayHaveLeftDoesNotComeBackByAFilter) {
  config::Endpoint all = Entry(Order::kRepository), pushes = all;
  all.retry_on_timeout = pushes.retry_on_timeout = false;
  pushes.ignore.actions = {"pull"};
  Begin(all);
  world_->latency = 60 * kSecond;
  world_->Append("app", Action::kPull);
  world_->Append("app");
  world_->Append("web");
  world_->RunFor(kSecond);
  ASSERT_EQ(world_->sends[1], 1);
  world_->latency = kMillisecond;
  world_->flush_latency = 300 * kMillisecond;
  world_->Crash(0, pushes);
  world_->RunFor(10 * kMillisecond);
  Change(all);  // takes back the attempt of event 2, which has not left yet
  ASSERT_TRUE(world_->RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world_->sends[1], 1);
  EXPECT_TRUE(world_->violations.empty()) << world_->violations.front();
}

}  // namespace
}  // namespace portcall::broker
