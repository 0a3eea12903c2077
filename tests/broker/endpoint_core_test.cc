#include <gtest/gtest.h>

#include "tests/broker/answers.h"
#include "tests/broker/simulation.h"

namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

std::vector<Ticks> TimesOf(const Simulation& world, store::Seq seq) {
  std::vector<Ticks> times;
  for (const auto& [at, sent] : world.sent_at) {
    if (sent == seq) times.push_back(at);
  }
  return times;
}

TEST(EndpointCore, DeliversEverythingAndMovesTheCursorToTheHead) {
  Simulation world(Hook(), 1);
  for (int i = 0; i < 5'000; ++i) world.Append("repo" + std::to_string(i % 100));
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.accepted.size(), 5'000u);
  EXPECT_EQ(world.cursor.settled, 5'000);
  EXPECT_LE(world.in_flight_peak, 32);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointCore, IsIdleWhileNothingHappens) {
  Simulation world(Hook(), 1);
  world.Append("a");
  ASSERT_TRUE(world.RunUntilIdle(5 * kSecond));
  world.RunFor(3 * kSecond);
  EXPECT_EQ(world.core().Wake(world.now()), kNever);
}

TEST(EndpointCore, AFailingRepositoryDelaysNoOther) {
  Simulation world(Hook(), 2);
  world.receiver = [](const store::Event& e, Moment) { return Answer(e.repository == "bad" ? 500 : 200); };
  for (int i = 0; i < 1'000; ++i) world.Append(i % 10 == 0 ? "bad" : "good" + std::to_string(i % 10));
  world.RunFor(5 * kSecond);
  EXPECT_EQ(world.accepted.size(), 900u);
  EXPECT_EQ(world.cursor.settled_through, 1'000);  // the bad lane is one row, and the cursor has passed it
  ASSERT_EQ(world.rows.size(), 1u);
  EXPECT_EQ(world.rows.begin()->second.next_seq, 1);
  EXPECT_EQ(world.core().pending(), 100);
  EXPECT_EQ(world.core().held(), 0u);
}

TEST(EndpointCore, StrictOrderHoldsTheLine) {
  auto endpoint = Hook();
  endpoint.order = config::Order::kStrict;
  Simulation world(endpoint, 3);
  int failures = 5;
  world.receiver = [&](const store::Event& e, Moment) { return Answer(e.seq == 3 && failures-- > 0 ? 503 : 200); };
  for (int i = 0; i < 50; ++i) world.Append("r" + std::to_string(i));
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.sends[3], 6);
  EXPECT_EQ(world.in_flight_peak, 1);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointCore, WithoutOrderAFailedEventHoldsNothing) {
  auto endpoint = Hook();
  endpoint.order = config::Order::kNone;
  Simulation world(endpoint, 4);
  bool healed = false;
  world.receiver = [&](const store::Event& e, Moment) { return Answer(e.seq == 1 && !healed ? 500 : 200); };
  for (int i = 0; i < 100; ++i) world.Append("one");
  world.RunFor(2 * kSecond);
  EXPECT_EQ(world.accepted.size(), 99u);
  EXPECT_TRUE(world.rows.contains("#1"));
  healed = true;
  ASSERT_TRUE(world.RunUntilIdle(600 * kSecond));
}

TEST(EndpointCore, TheBreakerOpensAndProbesOneAtATimeWithoutBurningAttempts) {
  Simulation world(Hook(), 5);
  bool up = false;
  world.receiver = [&](const store::Event&, Moment) { return Answer(up ? 200 : 503); };
  for (int i = 0; i < 20'000; ++i) world.Append("r" + std::to_string(i % 500));
  world.RunFor(20 * kSecond);
  ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  const std::size_t before = world.sent_at.size();
  world.RunFor(600 * kSecond);
  const std::size_t probes = world.sent_at.size() - before;
  EXPECT_GE(probes, 15u);  // one in half a minute at least, and not many more
  EXPECT_LE(probes, 45u);
  std::set<store::Seq> probed;
  for (std::size_t i = before; i < world.sent_at.size(); ++i) probed.insert(world.sent_at[i].second);
  EXPECT_EQ(probed.size(), probes);  // rotating over the lanes
  up = true;
  ASSERT_TRUE(world.RunUntilIdle(3'600 * kSecond));
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  EXPECT_EQ(std::ranges::count(world.notes, Note::Kind::kOpened, &Note::kind), 1);
  EXPECT_EQ(std::ranges::count(world.notes, Note::Kind::kRecovered, &Note::kind), 1);
}

TEST(EndpointCore, ARejectedEventDiesAfterThreeAttempts) {
  Simulation world(Hook(), 6);
  world.receiver = [](const store::Event& e, Moment) { return Answer(e.seq == 7 ? 422 : 200); };
  for (int i = 0; i < 20; ++i) world.Append("r" + std::to_string(i % 4));
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.sends[7], 3);
  ASSERT_TRUE(world.dead.contains(7));
  EXPECT_EQ(world.dead[7].reason, "rejected");
  EXPECT_EQ(world.dead[7].attempts, 3);
  EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kClosed);
  EXPECT_EQ(world.accepted.size(), 19u);
}

TEST(EndpointCore, AnEndpointThatRejectsEverythingIsToBlameItself) {
  auto endpoint = Hook();
  endpoint.threshold = 4;
  Simulation world(endpoint, 7);
  bool fixed = false;
  world.receiver = [&](const store::Event&, Moment) { return Answer(fixed ? 200 : 400); };
  for (int i = 0; i < 200; ++i) world.Append("r" + std::to_string(i));
  world.RunFor(120 * kSecond);
  EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  EXPECT_EQ(world.dead.size(), 3u);
  fixed = true;
  ASSERT_TRUE(world.RunUntilIdle(3'600 * kSecond));
  EXPECT_EQ(world.accepted.size(), 197u);
}

TEST(EndpointCore, RetryAfterIsAFloorForTheWholeEndpoint) {
  Simulation world(Hook(), 8);
  bool first = true;
  world.receiver = [&](const store::Event&, Moment) {
    Outcome outcome = Answer(std::exchange(first, false) ? 429 : 200);
    if (outcome.status == 429) outcome.retry_after = std::chrono::seconds(30);
    return outcome;
  };
  world.Append("a");
  world.RunFor(kSecond);
  const Ticks failed = world.now().ticks;
  world.Append("b");
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_GE(TimesOf(world, 2).front() - failed, 28 * kSecond);
}

TEST(EndpointCore, RetryAfterIsCapped) {
  auto endpoint = Hook();
  endpoint.max_retry_after = std::chrono::seconds(5);
  Simulation world(endpoint, 9);
  bool first = true;
  world.receiver = [&](const store::Event&, Moment) {
    Outcome outcome = Answer(std::exchange(first, false) ? 503 : 200);
    outcome.retry_after = std::chrono::hours(100);
    return outcome;
  };
  world.Append("a");
  EXPECT_TRUE(world.RunUntilIdle(10 * kSecond));
}

TEST(EndpointCore, GonePausesAndKeepsTheEvents) {
  Simulation world(Hook(), 10);
  world.receiver = [](const store::Event&, Moment) { return Answer(410); };
  for (int i = 0; i < 100; ++i) world.Append("r");
  world.RunFor(600 * kSecond);
  EXPECT_EQ(world.sent_at.size(), 1u);
  EXPECT_TRUE(world.core().pace().paused());
  EXPECT_EQ(world.core().pending(), 100);
  EXPECT_TRUE(world.dead.empty());
}

TEST(EndpointCore, MaxRetriesEndsAnEventAndTheLaneGoesOn) {
  auto endpoint = Hook();
  endpoint.max_retries = 2;
  Simulation world(endpoint, 11);
  world.receiver = [](const store::Event& e, Moment) { return Answer(e.seq == 1 ? 500 : 200); };
  for (int i = 0; i < 3; ++i) world.Append("r");
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.sends[1], 3);
  EXPECT_EQ(world.dead[1].reason, "maxretries");
  EXPECT_EQ(world.accepted.size(), 2u);
}

TEST(EndpointCore, MaxAgeRunsFromTheFirstAttempt) {
  auto endpoint = Hook();
  endpoint.max_age = std::chrono::minutes(10);
  endpoint.threshold = 1'000;
  Simulation world(endpoint, 12);
  world.receiver = [](const store::Event& e, Moment) { return Answer(e.repository == "bad" ? 500 : 200); };
  world.Append("bad");
  world.RunFor(500 * kSecond);
  EXPECT_TRUE(world.dead.empty());
  ASSERT_TRUE(world.RunUntilIdle(900 * kSecond));
  EXPECT_EQ(world.dead[1].reason, "maxage");
}

TEST(EndpointCore, AnOpenBreakerDoesNotAgeEvents) {
  auto endpoint = Hook();
  endpoint.max_age = std::chrono::minutes(10);
  endpoint.threshold = 2;
  Simulation world(endpoint, 13);
  bool up = false;
  world.receiver = [&](const store::Event&, Moment) { return Answer(up ? 200 : 500); };
  for (int i = 0; i < 50; ++i) world.Append("r" + std::to_string(i));
  world.RunFor(24 * 3'600 * kSecond);
  up = true;
  ASSERT_TRUE(world.RunUntilIdle(3'600 * kSecond));
  EXPECT_TRUE(world.dead.empty());
}

TEST(EndpointCore, KnowsAfterARestartHowOldTheOldestIs) {
  Simulation world(Hook(), 23);
  bool up = false;
  world.receiver = [&](const store::Event& e, Moment) { return Answer(up && e.seq == 1 ? 200 : 500); };
  for (int i = 0; i < 2; ++i) world.Append("r");
  world.RunFor(600 * kSecond);
  up = true;
  world.RunFor(600 * kSecond);
  ASSERT_EQ(world.accepted.size(), 1u);
  ASSERT_GE(world.sends[2], 1);
  world.Restart();
  EXPECT_EQ(world.core().OldestRecorded(), world.log[1]->recorded_at);
}

TEST(EndpointCore, MaxParkedStopsTheCursor) {
  auto endpoint = Hook();
  endpoint.max_parked = 20;
  endpoint.threshold = 100'000;
  endpoint.concurrency = 4;
  Simulation world(endpoint, 14);
  bool up = false;
  world.receiver = [&](const store::Event&, Moment) { return Answer(up ? 200 : 500); };
  for (int i = 0; i < 10'000; ++i) world.Append("r" + std::to_string(i));
  world.RunFor(60 * kSecond);
  EXPECT_LE(world.core().scan(), 20 + 2'048);
  EXPECT_TRUE(world.core().held_by_parking());
  up = true;
  EXPECT_TRUE(world.RunUntilIdle(3'600 * kSecond));
}

TEST(EndpointCore, ASlowAttemptDoesNotHoldTheCursor) {
  Simulation world(Hook(), 15);
  world.latency = 20 * kSecond;
  world.Append("slow");
  world.RunFor(kMillisecond);
  world.latency = kMillisecond;
  for (int i = 0; i < 100; ++i) world.Append("quick" + std::to_string(i % 7));
  world.RunFor(300 * kMillisecond);
  EXPECT_EQ(world.cursor.settled_through, 101);
  ASSERT_TRUE(world.rows.contains("\nslow"));
  EXPECT_EQ(world.rows["\nslow"].reason, "in flight");
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
}

TEST(EndpointCore, RateLimitCountsRequests) {
  auto endpoint = Hook();
  endpoint.rate_limit = 10;
  Simulation world(endpoint, 16);
  for (int i = 0; i < 1'000; ++i) world.Append("r" + std::to_string(i % 50));
  world.RunFor(20 * kSecond);
  EXPECT_NEAR(static_cast<double>(world.sent_at.size()), 200.0, 5.0);
}

TEST(EndpointCore, FilteredEventsAreFlushedAtMostOnceASecond) {
  auto endpoint = Hook();
  endpoint.ignore.actions = {"pull"};
  Simulation world(endpoint, 17);
  for (int i = 0; i < 100; ++i) world.Append("r", store::Action::kPull);
  world.RunFor(900 * kMillisecond);
  EXPECT_EQ(world.cursor.settled_through, 0);
  world.RunFor(kSecond);
  EXPECT_EQ(world.cursor.settled_through, 100);
  EXPECT_EQ(world.sent_at.size(), 0u);
  EXPECT_EQ(world.cursor.matched, 0);
}

TEST(EndpointCore, WhatIsNotIdempotentIsNeverRepeatedAfterSilence) {
  auto endpoint = Hook();
  endpoint.retry_on_timeout = false;
  Simulation world(endpoint, 18);
  world.receiver = [](const store::Event& e, Moment) { return e.seq == 2 ? Outcome{} : Answer(200); };
  for (int i = 0; i < 10; ++i) world.Append("r");
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.sends[2], 1);
  EXPECT_EQ(world.dead[2].reason, "outcome unknown");
  world.latency = 10 * kSecond;
  world.Append("s");
  world.RunFor(kSecond);
  world.Crash();
  world.latency = kMillisecond;
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.sends[11], 1);
  EXPECT_EQ(world.dead[11].reason, "outcome unknown");
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointCore, NorAfterAnAnswerOfAGatewayThatHadPassedItOn) {
  auto endpoint = Hook();
  endpoint.retry_on_timeout = false;
  Simulation world(endpoint, 18);
  world.receiver = [&world](const store::Event& e, Moment) {
    if (world.sends[e.seq] > 2) return Answer(200);
    return Answer(e.seq == 2 ? 504 : e.seq == 4 ? 503 : 200);
  };
  for (int i = 0; i < 10; ++i) world.Append("r" + std::to_string(i));
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.sends[2], 1);
  EXPECT_EQ(world.dead[2].reason, "outcome unknown");
  EXPECT_EQ(world.sends[4], 3) << "a 503 says that nothing was done";
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointCore, WhatNeverLeftMayBeRepeated) {
  auto endpoint = Hook();
  endpoint.retry_on_timeout = false;
  Simulation world(endpoint, 20);
  int failures = 5;
  world.receiver = [&](const store::Event&, Moment) {
    if (failures-- <= 0) return Answer(200);
    Outcome refused;
    refused.maybe_received = false;
    return refused;
  };
  for (int i = 0; i < 10; ++i) world.Append("r");
  ASSERT_TRUE(world.RunUntilIdle(600 * kSecond));
  EXPECT_TRUE(world.dead.empty());
  EXPECT_EQ(world.accepted.size(), 10u);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointCore, AProbeThatNeverLeftIsFollowedByAnother) {
  auto endpoint = Hook();
  endpoint.retry_on_timeout = false;
  endpoint.threshold = 1;
  Simulation world(endpoint, 22);
  bool up = false;
  world.receiver = [&](const store::Event&, Moment) { return Answer(up ? 200 : 503); };
  world.Append("a");
  world.Append("b");
  world.RunFor(200 * kMillisecond);
  ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  world.flush_latency = 2 * kSecond;  // of what announces the probe
  for (int i = 0; i < 100 && world.core().pace().breaker().state() == BreakerState::kOpen; ++i)
    world.RunFor(100 * kMillisecond);
  ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kHalfOpen);
  world.Expire(1);
  world.flush_latency = kMillisecond;
  up = true;
  EXPECT_TRUE(world.RunUntilIdle(60 * kSecond));
}

TEST(EndpointCore, TheLookAheadIsBoundedInBytes) {
  auto endpoint = Hook();
  endpoint.concurrency = 2;
  Simulation world(endpoint, 21);
  world.details = std::string(64 << 10, 'x');
  world.latency = 3'600 * kSecond;
  for (int i = 0; i < 1'000; ++i) world.Append("r" + std::to_string(i % 50));
  world.RunFor(kSecond);
  EXPECT_GE(world.core().bytes(), (4u << 20));
  EXPECT_LE(world.core().bytes(), (4u << 20) + (128 << 10));
  EXPECT_LT(world.core().slots(), 70u);
  world.latency = kMillisecond;
  EXPECT_TRUE(world.RunUntilIdle(7'300 * kSecond));
  EXPECT_EQ(world.core().bytes(), 0u);
}

TEST(EndpointCore, SuccessesOfABatchAreOneRowAndFailuresAreSingle) {
  Simulation world(Hook(), 19);
  int failures = 3;
  world.receiver = [&](const store::Event& e, Moment) { return Answer(e.seq == 5 && failures-- > 0 ? 500 : 200); };
  for (int i = 0; i < 400; ++i) world.Append("r" + std::to_string(i % 20));
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  std::int64_t delivered = 0, failed = 0;
  for (const auto& row : world.attempts) (row.delivered ? delivered : failed) += row.events;
  EXPECT_EQ(delivered, 400);
  EXPECT_EQ(failed, 3);
  EXPECT_LT(world.attempts.size(), 40u);
}

}  // namespace
}  // namespace portcall::broker
