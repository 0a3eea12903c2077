#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "tests/broker/answers.h"
#include "tests/broker/simulation.h"

// Events that their destination refuses for good, where the place for such events does not take them for a while.
namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

constexpr Ticks kMinute = 60 * kSecond, kHour = 60 * kMinute;

config::Endpoint Entry(int threshold = 10) {
  config::Endpoint endpoint = Hook();
  endpoint.threshold = threshold;
  return endpoint;
}

sinks::Capacity WithPlace(std::size_t window) {
  return {.window = window, .window_bytes = 16 << 20, .pipelines_lanes = true, .sets_aside = true};
}

Outcome Saying(Verdict verdict, const std::string& error) {
  Outcome outcome;
  outcome.verdict = verdict;
  outcome.error = error;
  return outcome;
}

// Repositories that begin with "bad" are refused, and `full` says whether the place for them is.
struct World : Simulation {
  explicit World(config::Endpoint endpoint, bool parts = true, std::size_t window = 5'000)
      : Simulation(std::move(endpoint), 3, WithPlace(window)) {
    receiver = [this](const store::Event& event, Moment) {
      if (down && event.repository == "other") return broker::Answer(500);
      if (down) return Saying(Verdict::kFailed, "no answer");
      return event.repository.starts_with("bad") ? Saying(Verdict::kUndeliverable, "too large") : broker::Answer(200);
    };
    place = [this, parts](const store::Event&, Moment) {
      Outcome outcome = Saying(full ? Verdict::kFailed : Verdict::kDelivered, "too large; and the place is full");
      if (parts) outcome.blames = sinks::Blames::kPart;
      return outcome;
    };
  }
  // Each is refused while others are delivered.
  void AppendBad(int count, Ticks gap = kSecond) {
    for (int i = 0; i < count; ++i) {
      Append("bad" + std::to_string(i));
      details.swap(details_of_good);
      Append("good");
      details.swap(details_of_good);
      RunFor(gap);
    }
  }
  int BadSends() const {
    int all = 0;
    for (const auto& [seq, times] : sends)
      all += log[static_cast<std::size_t>(seq - 1)]->repository == "good" ? 0 : times;
    return all;
  }
  int Asides() const {
    return std::accumulate(asides.begin(), asides.end(), 0, [](int sum, const auto& one) { return sum + one.second; });
  }
  bool full = true, down = false;
  std::string details_of_good;
};

TEST(EndpointAside, WhatWaitsForItsPlaceCostsTheEndpointNothing) {
  for (const bool parts : {true, false}) {
    World world(Entry(), parts);
    world.AppendBad(30);
    world.RunFor(10 * kMinute);
    for (int i = 0; i < 300; ++i) {
      world.Append("good");
      world.RunFor(kSecond);
      ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kClosed);
    }
    EXPECT_EQ(world.accepted.size(), 330u);
    EXPECT_EQ(world.BadSends(), 30) << "the destination has refused them already";
    EXPECT_LT(world.Asides(), 30 * 40) << "delays grow";
    EXPECT_EQ(world.dead.size(), 0u);
    world.full = false;
    EXPECT_TRUE(world.RunUntilIdle(6 * kMinute));
    ASSERT_EQ(world.dead.size(), 30u);
    EXPECT_EQ(world.dead.begin()->second.reason, "undeliverable: too large");
    EXPECT_EQ(world.dead.begin()->second.attempts, 1);
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

TEST(EndpointAside, NumberedRepetitionsAreThoseOfTheDestination) {
  config::Endpoint endpoint = Entry();
  endpoint.max_retries = 3;
  World world(endpoint);
  world.AppendBad(5);
  world.RunFor(kHour);
  EXPECT_EQ(world.dead.size(), 0u);
  world.full = false;
  EXPECT_TRUE(world.RunUntilIdle(6 * kMinute));
  ASSERT_EQ(world.dead.size(), 5u);
  EXPECT_EQ(world.dead.begin()->second.reason, "undeliverable: too large");
}

// Its refusals were the endpoint's fault for all that was known, or a restart forgot what they were.
TEST(EndpointAside, DeliveriesDoNotHurryWhatWaitsForItsPlace) {
  for (const bool restarted : {false, true}) {
    World world(Entry(restarted ? 100 : 2));
    for (int i = 0; i < 5; ++i) world.Append("bad" + std::to_string(i));
    world.RunFor(kMinute);
    if (restarted) world.Crash();
    for (int i = 0; i < 20; ++i) {
      world.Append("good");
      world.RunFor(kMinute);
    }
    ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kClosed);
    const int asides = world.Asides(), sends = world.BadSends();
    for (int i = 0; i < 300; ++i) {
      world.Append("good");
      world.RunFor(kSecond / 10);
    }
    EXPECT_EQ(world.BadSends(), sends);
    EXPECT_LE(world.Asides() - asides, 5 * 2);
    world.full = false;
    EXPECT_TRUE(world.RunUntilIdle(10 * kMinute));
    EXPECT_EQ(world.dead.size(), 5u);
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

TEST(EndpointAside, ItEndsWithItsAgeAndSaysWhy) {
  config::Endpoint endpoint = Entry();
  endpoint.max_age = std::chrono::hours(1);
  World world(endpoint);
  world.Append("bad");
  world.Append("bad");
  world.RunFor(kHour - kMinute);
  EXPECT_EQ(world.dead.size(), 0u);
  EXPECT_TRUE(world.RunUntilIdle(2 * kHour));
  ASSERT_EQ(world.dead.size(), 2u);
  EXPECT_EQ(world.dead.at(1).reason, "undeliverable: too large; and the place is full");
}

TEST(EndpointAside, ItHoldsUpAllOthersForAnHourAtMost) {
  config::Endpoint entry = Entry();
  entry.max_parked = 3;
  World world(entry);
  world.AppendBad(6);
  world.RunFor(kHour / 2);
  EXPECT_LT(world.accepted.size(), 6u) << "the cursor stands";
  EXPECT_EQ(world.dead.size(), 0u);
  world.RunFor(3 * kHour);
  EXPECT_EQ(world.accepted.size(), 6u);
  EXPECT_EQ(world.dead.size(), 4u) << "two more have places";
}

// As probes they tell little: others go first.
TEST(EndpointAside, WhatWaitsForItsPlaceDoesNotProlongAnOutage) {
  World world(Entry());
  world.AppendBad(100);
  world.RunFor(10 * kMinute);
  world.down = true;
  for (int i = 0; i < 40; ++i) world.Append("other" + std::to_string(i));
  world.RunFor(kHour);
  ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  world.down = false;
  const auto delivered = world.accepted.size();
  world.RunFor(kMinute + kMinute / 2);
  EXPECT_EQ(world.accepted.size(), delivered + 40);
  EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kClosed);
}

// After an outage one attempt at a time finds out how much the destination takes: those are not for the other place.
TEST(EndpointAside, APlaceThatDoesNotAnswerHoldsUpNothingAfterAnOutage) {
  World world(Entry());
  world.AppendBad(400);
  world.place_latency = 30 * kSecond;
  world.down = true;
  world.Append("other");
  for (int i = 0; i < 20; ++i) world.Append("good" + std::to_string(i));
  world.RunFor(10 * kMinute);
  ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  world.down = false;
  const auto delivered = world.accepted.size();
  world.RunFor(2 * kMinute);
  ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kClosed);
  EXPECT_EQ(world.accepted.size(), delivered + 21);
  for (int i = 0; i < 60; ++i) {
    world.Append("good");
    world.RunFor(kSecond);
  }
  EXPECT_GE(world.accepted.size(), delivered + 21 + 58) << "whatever waits for the place";
  EXPECT_EQ(world.dead.size(), 0u);
  world.full = false;
  EXPECT_TRUE(world.RunUntilIdle(2 * kHour));
  EXPECT_EQ(world.dead.size(), 400u);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// Neither by their number nor by what they hold of memory, be they refused for the first time.
TEST(EndpointAside, APlaceThatDoesNotAnswerHoldsUpNothingOfWhatComes) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1} << 20}) {
    World world(Entry(), true, /*window=*/100);
    world.place_latency = kMinute;
    world.details = std::string(bytes, 'x');
    const int bad = bytes == 0 ? 300 : 60;
    world.AppendBad(bad, 20 * kMillisecond);
    world.RunFor(kSecond);
    EXPECT_EQ(static_cast<int>(world.accepted.size()), bad) << "others, with " << bytes << " bytes each";
    EXPECT_EQ(world.BadSends(), bad);
    EXPECT_LE(world.Asides(), bytes == 0 ? 100 : 4) << "at a time";
    EXPECT_EQ(world.dead.size(), 0u);
    world.full = false;
    world.place_latency = 10 * kMillisecond;
    EXPECT_TRUE(world.RunUntilIdle(3 * kHour));
    EXPECT_EQ(static_cast<int>(world.dead.size()), bad);
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

TEST(EndpointAside, WhatWaitsForAPlaceThatDoesNotAnswerIsNotReadToFindThatOut) {
  World world(Entry());
  world.place_latency = kHour;
  world.AppendBad(400, 20 * kMillisecond);
  world.RunFor(kMinute);
  const std::size_t reads = world.lane_reads, rows = world.rows_written;
  world.RunFor(10 * kMinute);
  EXPECT_EQ(world.lane_reads, reads);
  EXPECT_EQ(world.rows_written, rows);
}

TEST(EndpointAside, WhatWaitsForAPlaceThatDoesNotAnswerEndsWithItsAge) {
  config::Endpoint endpoint = Entry();
  endpoint.max_age = std::chrono::minutes(10);
  World world(endpoint);
  world.place_latency = 24 * kHour;
  world.AppendBad(400, 20 * kMillisecond);
  world.RunFor(9 * kMinute);
  EXPECT_EQ(world.dead.size(), 0u);
  world.RunFor(2 * kMinute);
  ASSERT_EQ(world.dead.size(), 400u - 256u);
  EXPECT_EQ(world.dead.rbegin()->second.reason, "undeliverable: too large");
}

// Where nothing else is left to find out with, they are probes as any other.
TEST(EndpointAside, AnOutageEndsWhereAllWaitForTheirPlace) {
  config::Endpoint endpoint = Entry(2);
  endpoint.max_retries = 2;
  World world(endpoint);
  world.AppendBad(1);
  world.RunFor(kMinute);
  world.down = true;
  world.Append("other");
  world.RunFor(10 * kMinute);
  ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  ASSERT_EQ(world.dead.size(), 1u) << "the other one has used up its repetitions";
  world.down = world.full = false;
  EXPECT_TRUE(world.RunUntilIdle(10 * kMinute));
  EXPECT_EQ(world.dead.size(), 2u);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

}  // namespace
}  // namespace portcall::broker
