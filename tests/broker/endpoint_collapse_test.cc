#include <gtest/gtest.h>

#include <algorithm>

#include "broker/core/collapse.h"
#include "tests/broker/simulation.h"

namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;
using store::Action;

config::Endpoint Entry(std::chrono::milliseconds debounce = std::chrono::seconds(5)) {
  config::Endpoint endpoint;
  endpoint.name = "ci";
  endpoint.collapse = true;
  endpoint.debounce = debounce;
  return endpoint;
}

Outcome Answer(int status) {
  Outcome outcome;
  outcome.status = status;
  outcome.verdict = status == 200 ? Verdict::kDelivered : status == 410 ? Verdict::kGone : Verdict::kFailed;
  if (status != 200) outcome.error = "answered " + std::to_string(status);
  return outcome;
}

std::vector<store::Seq> Sent(const Simulation& world) {
  std::vector<store::Seq> seqs;
  for (const auto& [at, seq] : world.sent_at) seqs.push_back(seq);
  return seqs;
}

using Seqs = std::vector<store::Seq>;

// It is older than it stands, and no reason not to send what was pushed meanwhile.
TEST(EndpointCollapse, WhatIsSentAgainSupersedesNothingAndIsSupersededByWhatComes) {
  const auto of = [](const std::vector<bool>& again) {
    LaneQueue queue;
    for (const bool retrial : again) {
      auto event = std::make_shared<store::Event>();
      event->seq = static_cast<store::Seq>(queue.size()) + 1;
      event->tag = "v1";
      if (retrial) event->retrial = std::make_shared<const store::Retrial>();
      queue.Push({event, 1, kNoSlot});
    }
    return SuccessorOf(queue).at;
  };
  EXPECT_EQ(of({false, false}), 1u);
  EXPECT_EQ(of({false, true}), 0u);
  EXPECT_EQ(of({true, false}), 1u);
  EXPECT_EQ(of({true, true}), 0u);
}

TEST(EndpointCollapse, ADeleteThatIsSentAgainIsNotSuperseded) {
  LaneQueue queue;
  for (const Action action : {Action::kPush, Action::kDelete, Action::kPush}) {
    auto event = std::make_shared<store::Event>();
    event->seq = static_cast<store::Seq>(queue.size()) + 1;
    event->action = action;
    event->tag = "v1";
    if (action == Action::kDelete) event->retrial = std::make_shared<const store::Retrial>();
    queue.Push({event, 1, kNoSlot});
  }
  EXPECT_EQ(SuccessorOf(queue).at, 0u);
  EXPECT_FALSE(SuccessorOf(queue).may_come);
}

TEST(EndpointCollapse, TheNewestPushOfATagIsSentWhenTheFirstIsDue) {
  Simulation world(Entry(), 1);
  const Ticks start = world.now().ticks;
  for (int i = 0; i < 4; ++i) {
    world.Append("app", Action::kPush, "v1");
    world.RunFor(kSecond);
  }
  ASSERT_EQ(world.rows.count("\napp:v1"), 1u);
  EXPECT_EQ(world.rows["\napp:v1"].reason, "debounce");
  EXPECT_EQ(world.rows["\napp:v1"].next_seq, 1);
  EXPECT_GE(world.cursor.settled_through, 3);
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(Sent(world), Seqs{4});
  EXPECT_NEAR(static_cast<double>(world.sent_at.front().first - start) / 1e9, 5.0, 0.1);  // not extended
  ASSERT_EQ(world.attempts.size(), 2u) << "one row of those that are superseded, one of what was delivered";
  EXPECT_EQ(world.attempts.front().seq, 1);
  ASSERT_EQ(world.attempts.front().each.size(), 3u);
  EXPECT_EQ(world.attempts.front().each.back().seq, 3);
  EXPECT_EQ(world.attempts.front().attempt, 0);
  EXPECT_EQ(world.attempts.front().error, "superseded by id-4");
  EXPECT_EQ(world.cursor.settled, 4);
}

TEST(EndpointCollapse, TagsAndRepositoriesAreApart) {
  Simulation world(Entry(), 2);
  for (int i = 0; i < 3; ++i) {
    for (const char* tag : {"v1", "v2"}) {
      world.Append("app", Action::kPush, tag);
      world.Append("web", Action::kPush, tag);
    }
  }
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  auto sent = Sent(world);
  std::ranges::sort(sent);
  EXPECT_EQ(sent, (Seqs{9, 10, 11, 12}));
}

TEST(EndpointCollapse, ADeleteIsNotCollapsedOver) {
  Simulation world(Entry(), 3);
  world.Append("app", Action::kPush, "v1");
  world.Append("app", Action::kPush, "v1");
  world.Append("app", Action::kDelete, "v1");
  world.Append("app", Action::kPush, "v1");
  world.Append("app", Action::kPush, "v1");
  ASSERT_TRUE(world.RunUntilIdle(6 * kSecond));
  EXPECT_EQ(Sent(world), (Seqs{2, 3, 5}));
}

TEST(EndpointCollapse, WhatHasNoTagGoesAtOnceAndSingly) {
  Simulation world(Entry(), 4);
  for (int i = 0; i < 3; ++i) world.Append("app");
  ASSERT_TRUE(world.RunUntilIdle(2 * kSecond));
  EXPECT_EQ(Sent(world), (Seqs{1, 2, 3}));
}

TEST(EndpointCollapse, WhatComesDuringAnAttemptIsDebouncedAnew) {
  Simulation world(Entry(), 5);
  world.latency = 2 * kSecond;
  world.Append("app", Action::kPush, "v1");
  world.RunFor(5'500 * kMillisecond);
  ASSERT_EQ(Sent(world), Seqs{1});
  world.Append("app", Action::kPush, "v1");
  world.Append("app", Action::kPush, "v1");
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(Sent(world), (Seqs{1, 3}));
  EXPECT_GE(world.sent_at[1].first - world.sent_at[0].first, 6 * kSecond);
}

TEST(EndpointCollapse, AFailedPushGivesWayToANewerOne) {
  Simulation world(Entry(std::chrono::milliseconds(0)), 6);
  world.receiver = [](const store::Event& e, Moment) { return Answer(e.seq == 1 ? 500 : 200); };
  world.Append("app", Action::kPush, "v1");
  world.RunFor(5 * kMillisecond);
  ASSERT_EQ(Sent(world), Seqs{1});
  world.Append("app", Action::kPush, "v1");
  ASSERT_TRUE(world.RunUntilIdle(10 * kSecond));
  EXPECT_EQ(Sent(world), (Seqs{1, 2}));
  EXPECT_EQ(world.superseded.at(1), 2);
}

TEST(EndpointCollapse, AfterAnOutageOnePipelineStartsPerTag) {
  auto endpoint = Entry();
  endpoint.threshold = 2;
  endpoint.max_backoff = std::chrono::seconds(20);
  Simulation world(endpoint, 7);
  bool up = false;
  world.receiver = [&](const store::Event&, Moment) { return Answer(up ? 200 : 503); };
  for (int i = 0; i < 60; ++i) {
    for (int j = 0; j < 200; ++j)
      world.Append("r" + std::to_string(j % 20), Action::kPush, "v" + std::to_string(j % 3));
    world.RunFor(kSecond);
  }
  ASSERT_NE(world.core().pace().breaker().state(), BreakerState::kClosed);
  EXPECT_EQ(world.core().scan(), 12'000);
  EXPECT_GE(world.cursor.settled_through, 12'000 - 200);
  EXPECT_EQ(world.rows.size(), 60u);
  up = true;
  ASSERT_TRUE(world.RunUntilIdle(600 * kSecond));
  EXPECT_EQ(world.accepted.size(), 60u);
  EXPECT_GT(world.accepted.begin()->first, 12'000 - 200);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointCollapse, ReadsOnWhilePaused) {
  Simulation world(Entry(), 8);
  world.receiver = [](const store::Event&, Moment) { return Answer(410); };
  world.Append("app", Action::kPush, "v1");
  world.RunFor(10 * kSecond);
  ASSERT_TRUE(world.core().pace().paused());
  for (int i = 0; i < 5'000; ++i) world.Append("app", Action::kPush, "v" + std::to_string(i % 2));
  world.RunFor(kSecond);
  EXPECT_EQ(world.core().scan(), 5'001);
  world.receiver = [](const store::Event&, Moment) { return Answer(200); };
  world.Restart();  // as a changed entry does
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.accepted.size(), 2u);
}

TEST(EndpointCollapse, ADueTimeSurvivesARestart) {
  auto endpoint = Entry(std::chrono::seconds(30));
  endpoint.max_backoff = std::chrono::seconds(1);
  Simulation world(endpoint, 9);
  const Ticks start = world.now().ticks;
  world.Append("app", Action::kPush, "v1");
  world.RunFor(10 * kSecond);
  world.Crash();
  world.Append("app", Action::kPush, "v1");
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(Sent(world), Seqs{2});
  EXPECT_NEAR(static_cast<double>(world.sent_at.front().first - start) / 1e9, 30.0, 0.2);
}

TEST(EndpointCollapse, AnUnknownOutcomeDiesAndTheNewestGoes) {
  auto endpoint = Entry();
  endpoint.retry_on_timeout = false;
  Simulation world(endpoint, 10);
  world.latency = 60 * kSecond;
  world.Append("app", Action::kPush, "v1");
  world.RunFor(6 * kSecond);
  ASSERT_EQ(Sent(world), Seqs{1});
  world.Append("app", Action::kPush, "v1");
  world.Append("app", Action::kPush, "v1");
  world.RunFor(kSecond);
  world.Crash();
  world.latency = kMillisecond;
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.dead[1].reason, "outcome unknown");
  EXPECT_EQ(Sent(world), (Seqs{1, 3}));
}

TEST(EndpointCollapse, ARowOfAWholeRepositoryIsStillRead) {
  auto endpoint = Entry();
  endpoint.collapse = false;
  Simulation world(endpoint, 11);
  bool up = false;
  world.receiver = [&](const store::Event&, Moment) { return Answer(up ? 200 : 500); };
  for (int i = 0; i < 6; ++i) world.Append("app", Action::kPush, "v" + std::to_string(i % 2));
  world.RunFor(kSecond);
  ASSERT_TRUE(world.rows.contains("\napp"));
  world.Reload(Entry());
  up = true;
  world.Append("app", Action::kPush, "v1");
  ASSERT_TRUE(world.RunUntilIdle(600 * kSecond));
  EXPECT_EQ(world.accepted.size() + world.superseded.size(), 7u);
  const auto sent = Sent(world);
  EXPECT_EQ(sent.back(), 7);
}

TEST(EndpointCollapse, TheNewestIsFoundBehindManyPages) {
  Simulation world(Entry(), 12);
  for (int i = 0; i < 3'000; ++i) world.Append("app", Action::kPush, i % 3 == 0 ? "other" : "v1");
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  auto sent = Sent(world);
  std::ranges::sort(sent);
  EXPECT_EQ(sent, (Seqs{2'998, 3'000}));
  EXPECT_EQ(world.superseded.size(), 2'998u);
}

}  // namespace
}  // namespace portcall::broker
