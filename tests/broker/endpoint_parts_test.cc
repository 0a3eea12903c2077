#include <gtest/gtest.h>

#include <string>

#include "tests/broker/answers.h"
#include "tests/broker/simulation.h"

// Failures of one part of an endpoint, such as a topic or a project, and what they cost the other parts.
namespace portcall::broker {
namespace {

using sinks::Blames;
using sinks::Outcome;

Outcome OfPart() {
  Outcome outcome = Answer(404);
  outcome.blames = Blames::kPart;
  return outcome;
}

Outcome OfNobody(bool maybe_received) {
  Outcome outcome;
  outcome.blames = Blames::kNobody;
  outcome.error = "another failed";
  outcome.maybe_received = maybe_received;
  return outcome;
}

bool IsBad(const store::Event& event) { return event.repository.starts_with("bad"); }

void Append(Simulation& world, const std::string& name, int count) {
  for (int i = 0; i < count; ++i) world.Append(name + std::to_string(i), store::Action::kPush, "v1");
}

config::Endpoint Of(bool collapse) {
  config::Endpoint endpoint = Hook();
  endpoint.collapse = collapse;
  return endpoint;
}

TEST(EndpointParts, APartThatFailsHoldsUpNoOther) {
  for (const bool collapse : {false, true}) {
    Simulation world(Of(collapse), 5);
    world.receiver = [](const store::Event& event, Moment) { return IsBad(event) ? OfPart() : Answer(200); };
    Append(world, "bad", 60);
    world.RunFor(600 * kSecond);
    EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kClosed);
    EXPECT_EQ(world.core().window(), 32);
    EXPECT_FALSE(world.core().pace().failing());
    for (int i = 0; i < 20; ++i) {
      world.Append("good" + std::to_string(i), store::Action::kPush, "v1");
      world.RunFor(5 * kSecond);
    }
    EXPECT_EQ(world.accepted.size(), 20u);
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// The delays of what fails grow up to maxbackoff, whatever else is delivered or not.
TEST(EndpointParts, WhatItHoldsWaitsForLongerEachTime) {
  for (const auto& [pipelines, order] : {std::pair(false, config::Order::kRepository),
                                         {true, config::Order::kRepository},
                                         {false, config::Order::kStrict}}) {
    config::Endpoint endpoint = Hook();
    endpoint.order = order;
    std::optional<sinks::Capacity> capacity;
    if (pipelines) capacity = sinks::Capacity{.window = 300, .pipelines_lanes = true};
    Simulation world(endpoint, 5, capacity);
    bool mended = false;
    world.receiver = [&mended](const store::Event& event, Moment) {
      return IsBad(event) && !mended ? OfPart() : Answer(200);
    };
    for (int i = 0; i < 3; ++i) world.Append("bad");
    world.RunFor(24 * 3'600 * kSecond);
    EXPECT_LT(world.sends[1], 2 * 24 * 3'600 / 150 + 30);
    EXPECT_GT(world.sends[1], 24 * 3'600 / 300);
    EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kClosed);
    mended = true;
    EXPECT_TRUE(world.RunUntilIdle(300 * kSecond));
    EXPECT_EQ(world.accepted.size(), 3u);
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

TEST(EndpointParts, ItsEventsGrowOldAndUseUpTheirRepetitions) {
  config::Endpoint endpoint = Hook();
  endpoint.max_age = std::chrono::hours(1);
  Simulation ages(endpoint, 5);
  ages.receiver = [](const store::Event&, Moment) { return OfPart(); };
  Append(ages, "bad", 30);
  EXPECT_TRUE(ages.RunUntilIdle(2 * 3'600 * kSecond));
  ASSERT_EQ(ages.dead.size(), 30u);
  EXPECT_EQ(ages.dead.begin()->second.reason, "maxage");

  endpoint.max_age = {};
  endpoint.max_retries = 3;
  Simulation counts(endpoint, 5);
  counts.receiver = ages.receiver;
  Append(counts, "bad", 30);
  EXPECT_TRUE(counts.RunUntilIdle(600 * kSecond));
  ASSERT_EQ(counts.dead.size(), 30u);
  EXPECT_EQ(counts.dead.begin()->second.reason, "maxretries");
  EXPECT_EQ(counts.dead.begin()->second.attempts, 4);
}

// Who answers for a part is no reason to wait for the next probe. A restart between changes nothing of it.
TEST(EndpointParts, PartsThatFailDoNotProlongAnOutage) {
  for (const bool collapse : {false, true}) {
    for (const bool crash : {false, true}) {
      Simulation world(Of(collapse), 7);
      bool down = true;
      world.receiver = [&down](const store::Event& event, Moment) {
        return down ? Answer(503) : IsBad(event) ? OfPart() : Answer(200);
      };
      Append(world, "bad", 100);
      Append(world, "good", 20);
      world.RunFor(3'600 * kSecond);
      ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
      if (crash) world.Crash();
      down = false;
      world.RunFor(70 * kSecond);  // half a minute until the next probe, as long until each lane is due
      EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kClosed);
      EXPECT_EQ(world.accepted.size(), 20u);
      const auto told = [](const Note& note) { return note.kind == Note::Kind::kRecovered && note.lasted; };
      EXPECT_EQ(std::ranges::count_if(world.notes, told), 1);
      EXPECT_TRUE(world.violations.empty()) << world.violations.front();
    }
  }
}

// A proxy refuses one project by itself, and the system behind it is away: that stays an outage of all others.
TEST(EndpointParts, APartThatAnswersDoesNotEndTheOutageOfOthers) {
  for (const bool numbered : {false, true}) {
    config::Endpoint endpoint = Hook();
    endpoint.max_age = std::chrono::minutes(10);
    if (numbered) endpoint.max_retries = 5;
    Simulation world(endpoint, 5);
    bool down = true;
    world.receiver = [&down](const store::Event& event, Moment) {
      return IsBad(event) ? OfPart() : Answer(down ? 503 : 200);
    };
    Append(world, "good", 20);
    for (int i = 0; i < 240; ++i) {
      world.Append("bad" + std::to_string(i % 40));
      world.RunFor(60 * kSecond);
    }
    EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
    down = false;
    world.RunFor(90 * kSecond);
    EXPECT_EQ(std::ranges::count_if(world.accepted, [](const auto& one) { return one.first <= 20; }), 20);
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// Nobody else has failed for long: what is left is the parts' own, and grows old.
TEST(EndpointParts, WherePartsAloneFailAfterAnOutageTheirEventsGrowOld) {
  config::Endpoint endpoint = Hook();
  endpoint.max_age = std::chrono::hours(1);
  Simulation world(endpoint, 5);
  bool down = true;
  world.receiver = [&down](const store::Event&, Moment) { return down ? Answer(503) : OfPart(); };
  Append(world, "bad", 30);
  world.RunFor(3'600 * kSecond);
  down = false;
  EXPECT_TRUE(world.RunUntilIdle(2 * 3'600 * kSecond));
  EXPECT_EQ(world.dead.size(), 30u);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// An attempt that ended for another one's sake is none: not of the event, nor of the endpoint.
TEST(EndpointParts, WhatEndedForAnothersSakeIsNoAttempt) {
  config::Endpoint endpoint = Hook();
  endpoint.max_retries = 0;
  endpoint.threshold = 2;
  for (const bool pipelines : {false, true}) {
    std::optional<sinks::Capacity> capacity;
    if (pipelines) capacity = sinks::Capacity{.window = 300, .pipelines_lanes = true};
    Simulation world(endpoint, 5, capacity);
    Chance chance(3);
    world.receiver = [&chance](const store::Event&, Moment) {
      return chance.Unit() < 0.7 ? OfNobody(true) : Answer(200);
    };
    for (int i = 0; i < 5; ++i) Append(world, "r", 20);
    EXPECT_TRUE(world.RunUntilIdle(60 * kSecond));
    EXPECT_EQ(world.accepted.size(), 100u);
    EXPECT_TRUE(world.dead.empty());
    EXPECT_FALSE(world.core().pace().failing());
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// Where a repetition would do harm, what may have arrived is not sent again for whatever reason it ended.
TEST(EndpointParts, WhatMustNotBeRepeatedIsNotForAnothersSakeEither) {
  config::Endpoint endpoint = Hook();
  endpoint.retry_on_timeout = false;
  Simulation world(endpoint, 5);
  world.receiver = [](const store::Event& event, Moment) { return OfNobody(event.seq > 2); };
  Append(world, "r", 4);
  world.RunFor(60 * kSecond);
  EXPECT_EQ(world.dead.size(), 2u);
  EXPECT_EQ(world.dead.at(3).reason, "outcome unknown");
  EXPECT_GT(world.sends[1], 10);
}

// A rate limit: it costs events nothing but time, and is not run into again meanwhile.
TEST(EndpointParts, WhatAsksAllToWaitIsAFloorAndNoAttempt) {
  config::Endpoint endpoint = Hook();
  endpoint.max_retries = 0;
  endpoint.max_age = std::chrono::minutes(1);
  for (const bool repeats : {true, false}) {
    endpoint.retry_on_timeout = repeats;
    Simulation world(endpoint, 5);
    bool limited = true;
    world.receiver = [&limited](const store::Event&, Moment) {
      Outcome outcome = OfNobody(false);
      outcome.retry_after = std::chrono::minutes(5);
      return limited ? outcome : Answer(200);
    };
    Append(world, "r", 3);
    world.RunFor(1'000 * kSecond);
    EXPECT_LE(world.sends[1], 4);
    EXPECT_GE(world.sends[1], 2);
    EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kClosed);
    limited = false;
    EXPECT_TRUE(world.RunUntilIdle(330 * kSecond));
    EXPECT_EQ(world.accepted.size(), 3u);
    EXPECT_TRUE(world.dead.empty());
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// What was sent behind it may have arrived each time.
TEST(EndpointParts, NothingIsSentBehindAnEventThatHasFailed) {
  Simulation world(Hook(), 5, sinks::Capacity{.window = 300, .pipelines_lanes = true});
  world.receiver = [](const store::Event& event, Moment) { return event.seq == 1 ? OfPart() : Answer(200); };
  for (int i = 0; i < 100; ++i) world.Append("bad");
  world.RunFor(3'600 * kSecond);
  EXPECT_GT(world.sends[1], 10);
  for (store::Seq seq = 2; seq <= 100; ++seq) EXPECT_LE(world.sends[seq], 1) << seq;
}

TEST(EndpointParts, AnOutageLeavesNoWindowOfOneWhereAPartFails) {
  Simulation world(Hook(), 5);
  bool down = true;
  world.latency = kSecond;
  world.receiver = [&down](const store::Event& event, Moment) {
    if (down) return Answer(503);
    return IsBad(event) ? OfPart() : Answer(200);
  };
  Append(world, "bad", 500);
  world.RunFor(300 * kSecond);
  down = false;
  world.RunFor(60 * kSecond);
  world.Append("good");
  world.RunFor(60 * kSecond);
  EXPECT_TRUE(world.accepted.contains(501)) << "window " << world.core().window();
}

}  // namespace
}  // namespace portcall::broker
