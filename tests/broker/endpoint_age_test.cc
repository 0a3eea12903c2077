#include <gtest/gtest.h>

#include "tests/broker/simulation.h"

// What ages an event, and what does not.
namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

constexpr Ticks kMinute = 60 * kSecond, kHour = 60 * kMinute;

config::Endpoint Entry(int threshold = 2) {
  config::Endpoint endpoint;
  endpoint.name = "hook";
  endpoint.url = "http://receiver";
  endpoint.max_age = std::chrono::minutes(10);
  endpoint.threshold = threshold;
  return endpoint;
}

Outcome Answer(int status) {
  Outcome outcome;
  outcome.status = status;
  outcome.verdict = status == 200 ? Verdict::kDelivered : status == 410 ? Verdict::kGone : Verdict::kFailed;
  outcome.error = status == 200 ? "" : std::to_string(status);
  return outcome;
}

// The receiver is down for a day, and the breaker open for all of it but the first minute.
void BeDownForADay(Simulation& world) {
  world.receiver = [](const store::Event&, Moment) { return Answer(503); };
  for (int i = 0; i < 20; ++i) world.Append("r" + std::to_string(i));
  world.RunFor(kMinute);
  ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  world.RunFor(24 * kHour);
  ASSERT_FALSE(world.rows.empty());
}

// What was tried before fails once more, and is delivered then.
void ExpectAllDelivered(Simulation& world) {
  std::map<store::Seq, int> before = world.sends;
  world.receiver = [&world, before](const store::Event& e, Moment) {
    const auto tried = before.find(e.seq);
    return Answer(tried != before.end() && world.sends[e.seq] == tried->second + 1 ? 503 : 200);
  };
  EXPECT_TRUE(world.RunUntilIdle(2 * kHour));
  EXPECT_TRUE(world.dead.empty()) << world.dead.size() << " died of " << world.dead.begin()->second.reason;
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointAge, AnOpenBreakerDoesNotCountAfterARestart) {
  Simulation world(Entry(), 1);
  BeDownForADay(world);
  world.Restart();
  ExpectAllDelivered(world);
}

TEST(EndpointAge, NeitherACrashNorTheTimeUntilTheNextStartCounts) {
  Simulation world(Entry(), 2);
  BeDownForADay(world);
  world.Crash(8 * kHour);
  ExpectAllDelivered(world);
}

TEST(EndpointAge, AnOpenBreakerDoesNotCountAfterItsEntryWasChanged) {
  Simulation world(Entry(), 3);
  BeDownForADay(world);
  auto changed = Entry();
  changed.concurrency = 1;
  world.Reload(changed);
  ExpectAllDelivered(world);
}

TEST(EndpointAge, AnOpenBreakerDoesNotCountAfterOthersHaveExpired) {
  Simulation world(Entry(), 4);
  BeDownForADay(world);
  world.Expire(1);
  ASSERT_FALSE(world.rows.empty());
  ExpectAllDelivered(world);
}

TEST(EndpointAge, APauseDoesNotCount) {
  Simulation world(Entry(1'000), 5);
  world.receiver = [&](const store::Event& e, Moment) { return Answer(e.repository == "last" ? 410 : 503); };
  for (int i = 0; i < 5; ++i) world.Append("r" + std::to_string(i));
  world.RunFor(kMinute);
  world.Append("last");
  world.RunFor(kMinute);
  ASSERT_TRUE(world.core().pace().paused());
  world.RunFor(24 * kHour);
  world.paused = world.core().pace().pause();
  world.Restart();
  world.RunFor(24 * kHour);
  world.paused.clear();
  world.Restart();
  ExpectAllDelivered(world);
}

// The time of each life adds up, to the moment.
TEST(EndpointAge, MaxAgeEndsAnEventThroughRestarts) {
  Simulation world(Entry(1'000), 6);
  world.receiver = [](const store::Event&, Moment) { return Answer(503); };
  world.Append("r");
  Ticks lived = 0;
  for (; world.dead.empty() && lived < kHour; lived += 50 * kSecond) {
    world.RunFor(50 * kSecond);
    world.Restart();
  }
  ASSERT_TRUE(world.dead.contains(1));
  EXPECT_EQ(world.dead[1].reason, "maxage");
  EXPECT_GT(lived, 10 * kMinute);
  EXPECT_LE(lived, 16 * kMinute);  // at the first failure after that: they are five minutes apart at most
}

TEST(EndpointAge, MaxAgeEndsAnEventThroughCrashes) {
  Simulation world(Entry(1'000), 7);
  world.receiver = [](const store::Event&, Moment) { return Answer(503); };
  world.Append("r");
  Ticks lived = 0;
  for (; world.dead.empty() && lived < 24 * kHour; lived += 7 * kMinute) {
    world.RunFor(7 * kMinute);
    world.Crash(kHour);
  }
  ASSERT_TRUE(world.dead.contains(1));
  EXPECT_EQ(world.dead[1].reason, "maxage");
  EXPECT_GT(lived, 10 * kMinute);
}

// The event that failed is wanted no more, and the process stops after its lane was read and before the next one goes.
TEST(EndpointAge, AnEventDoesNotInheritTheAgeOfOneThatIsWantedNoMore) {
  auto endpoint = Entry(1'000);
  Simulation world(endpoint, 8);
  world.receiver = [](const store::Event&, Moment) { return Answer(503); };
  const auto page = static_cast<int>(world.core().policy().lane_page);
  for (int i = 0; i < page; ++i) world.Append("r", store::Action::kPull);
  world.Append("r");
  world.RunFor(9 * kMinute);
  ASSERT_TRUE(world.dead.empty());
  endpoint.ignore.actions = {"pull"};
  world.Reload(endpoint);
  world.read_latency = kSecond;
  for (int i = 0; i < 3'000 && world.rows["\nr"].next_seq == 1; ++i) {
    world.RunFor(100 * kMillisecond);
    world.Restart();
  }
  ASSERT_EQ(world.rows["\nr"].next_seq, page + 1);
  ASSERT_EQ(world.sends.count(page + 1), 0u);
  world.read_latency = kMillisecond;
  world.RunFor(5 * kMinute);
  EXPECT_GT(world.sends[page + 1], 1);
  EXPECT_TRUE(world.dead.empty());
}

// Records wait in the producer while its brokers are away, and so do the lanes behind them.
TEST(EndpointAge, WhatWaitsInASinkForItsDestinationDoesNotAge) {
  Simulation world(Entry(1'000), 9, sinks::Capacity{.window = 2, .pipelines_lanes = true});
  Ticks back = 0;
  world.receiver = [&](const store::Event&, Moment now) { return Answer(now.ticks < back + kMinute ? 503 : 200); };
  back = world.now().ticks;
  for (int i = 0; i < 5; ++i) world.Append("r" + std::to_string(i));
  world.RunFor(kSecond);
  world.latency = 24 * kHour;
  world.RunFor(kSecond);
  ASSERT_EQ(world.core().in_flight(), 2);
  world.core().Stall(true, world.now());
  world.RunFor(10 * kHour);
  world.core().RenewAges(world.now());
  world.RunFor(kSecond);
  for (const auto& [lane, row] : world.rows) EXPECT_LT(row.age, kMinute);
  world.latency = kMillisecond;
  world.RunFor(48 * kHour);
  back = world.now().ticks;
  world.core().Stall(false, world.now());
  EXPECT_TRUE(world.RunUntilIdle(kHour));
  EXPECT_TRUE(world.dead.empty()) << world.dead.size() << " died of " << world.dead.begin()->second.reason;
}

// One attempt takes longer than the breaker is open.
TEST(EndpointAge, AnOpenBreakerDoesNotAgeWhatIsInFlight) {
  Moment now{kSecond, kSecond};
  const auto event = [](store::Seq seq, const char* repository) {
    auto made = std::make_shared<store::Event>();
    made->seq = seq;
    made->repository = repository;
    return store::EventPtr(made);
  };
  const std::vector<store::EventPtr> log{event(1, "slow"), event(2, "other")};
  EndpointCore core(Entry(1), {.window = 8}, {}, {}, "", now, 1);
  core.Grown(2);
  core.Scan(log, 2, now);
  Attempt slow, other;
  ASSERT_TRUE(core.Claim(now, slow));
  ASSERT_TRUE(core.Claim(now, other));
  core.OnOutcome(other, Answer(503), now);
  ASSERT_EQ(core.pace().breaker().state(), BreakerState::kOpen);
  now.ticks += kHour;
  while (auto read = core.NextLaneRead(now)) core.OnLane(*read, {{log[1]}, 2}, now);
  ASSERT_TRUE(core.Claim(now, other));
  core.OnOutcome(other, Answer(200), now);
  ASSERT_EQ(core.pace().breaker().state(), BreakerState::kClosed);
  core.OnOutcome(slow, Answer(503), now);
  for (const Note& note : core.TakeNotes()) EXPECT_NE(note.kind, Note::Kind::kDead);
}

}  // namespace
}  // namespace portcall::broker
