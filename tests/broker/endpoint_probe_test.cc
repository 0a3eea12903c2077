#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/broker/answers.h"
#include "tests/broker/simulation.h"

// Who is probed with while a breaker is open, and what that costs the events.
namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

void Append(Simulation& world, const std::string& name, int count) {
  for (int i = 0; i < count; ++i) world.Append(name + std::to_string(i));
}

auto Answers(int of_bad, const bool& down) {
  return [of_bad, &down](const store::Event& event, Moment) {
    if (down) return Answer(503);
    return Answer(event.repository.starts_with("bad") ? of_bad : 200);
  };
}

// One event that always fails opens the breaker by itself. What comes later is what the endpoint would take.
TEST(EndpointProbe, WhatAlwaysFailsKeepsOutNothingThatComes) {
  for (const config::Order order : {config::Order::kRepository, config::Order::kNone}) {
    for (const bool careful : {false, true}) {
      for (const int poisoned : {1, 3, 40, 1'500}) {
        config::Endpoint endpoint = Hook();
        endpoint.order = order;
        endpoint.retry_on_timeout = !careful;
        Simulation world(endpoint, 6);
        const bool down = false;
        world.receiver = Answers(500, down);
        Append(world, "bad", poisoned);
        world.RunFor(600 * kSecond);
        EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
        Append(world, "r", 100);
        world.RunFor(180 * kSecond);
        EXPECT_EQ(world.accepted.size(), 100u) << poisoned << " fail";
        EXPECT_TRUE(world.violations.empty()) << world.violations.front();
      }
    }
  }
}

// Each lane has its turn, also those that were ready when the breaker opened.
TEST(EndpointProbe, NorDoesItKeepOutWhatWaits) {
  Simulation world(Hook(), 1);
  bool down = true;
  world.receiver = Answers(500, down);
  Append(world, "good", 20);
  Append(world, "bad", 60);
  world.RunFor(5 * kSecond);
  ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  down = false;
  world.RunFor(1'800 * kSecond);
  EXPECT_EQ(world.accepted.size(), 20u);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// Rejections end a probe without telling anything of the endpoint, and new ones come all the time.
TEST(EndpointProbe, NorDoWhatComesAndIsRejectedKeepOutWhatWaits) {
  for (const int at_once : {0, 1'000}) {
    Simulation world(Hook(), 1);
    bool down = true;
    world.receiver = Answers(400, down);
    Append(world, "good", 20);
    world.RunFor(60 * kSecond);
    Append(world, "bad-before", at_once);
    down = false;
    for (int i = 0; i < 120; ++i) {
      world.Append("bad" + std::to_string(i));
      world.RunFor(15 * kSecond);
    }
    EXPECT_EQ(world.accepted.size(), 20u) << at_once << " at once";
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// New repositories that fail must not take the turns of those that failed before, which are what it takes again.
TEST(EndpointProbe, NorDoWhatComesAndFailsKeepOutWhatWaits) {
  Simulation world(Hook(), 7);
  bool up = false;
  world.receiver = [&up](const store::Event& event, Moment) {
    return Answer(up && event.repository == "old" ? 200 : 500);
  };
  world.Append("old");
  world.RunFor(60 * kSecond);
  Append(world, "new", 1'000);
  world.RunFor(300 * kSecond);
  up = true;
  world.RunFor(900 * kSecond);  // a turn of each of the dozen that have failed by now, each half a minute apart
  EXPECT_TRUE(world.accepted.contains(1));
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// However many that fail lie before it.
TEST(EndpointProbe, WhatComesLastIsSoonTried) {
  for (const bool collapse : {false, true}) {
    config::Endpoint endpoint = Hook();
    endpoint.collapse = collapse;
    Simulation world(endpoint, 5);
    const bool down = false;
    world.receiver = Answers(500, down);
    for (int i = 0; i < 3'000; ++i) world.Append("bad" + std::to_string(i), store::Action::kPush, "v1");
    world.Append("first", store::Action::kPush, "v1");
    world.RunFor(900 * kSecond);
    EXPECT_TRUE(world.accepted.contains(3'001)) << "collapse " << collapse;
    world.RunFor(300 * kSecond);
    ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
    world.Append("second", store::Action::kPush, "v1");
    world.RunFor(180 * kSecond);
    EXPECT_TRUE(world.accepted.contains(3'002)) << "collapse " << collapse;
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// Dozens of lanes whose time has come are being read, or are to be, when the breaker opens.
TEST(EndpointProbe, WhatWasToBeReadTakesItsTurn) {
  Simulation world(Hook(), 5);
  const bool down = false;
  world.receiver = Answers(500, down);
  world.read_latency = 3 * kSecond;
  for (int i = 0; i < 400; ++i) {
    if (i < 200) world.Append("bad" + std::to_string(i));
    world.Append("ok" + std::to_string(i % 10));
    world.RunFor(50 * kMillisecond);
  }
  for (int i = 0; i < 600 && world.core().pace().breaker().state() == BreakerState::kClosed; ++i) {
    world.RunFor(100 * kMillisecond);
  }
  ASSERT_NE(world.core().pace().breaker().state(), BreakerState::kClosed);
  world.read_latency = kMillisecond;
  world.Append("new");
  const store::Seq last = static_cast<store::Seq>(world.log.size());
  world.RunFor(120 * kSecond);
  EXPECT_TRUE(world.accepted.contains(last));
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointProbe, TheLogIsReadForFewNewRepositoriesAtATimeAndUpToMaxParked) {
  Simulation world(Hook(), 5);
  const bool down = true;
  world.receiver = Answers(200, down);
  Append(world, "r", 20'000);
  world.RunFor(20 * kSecond);
  const store::Seq before = world.core().scan();
  EXPECT_LT(before, 4'000);
  for (int i = 0; i < 12; ++i) {
    const std::size_t parked = world.core().parked();
    world.RunFor(100 * kSecond);
    EXPECT_LE(world.core().parked(), 6 * parked);
  }
  EXPECT_LE(world.core().parked(), 10'000u);
}

// However long it was away, and with how few repositories: each was a probe many times.
TEST(EndpointProbe, AnEndpointThatIsBackHasEverythingWithinHalfAMinute) {
  for (const int repositories : {1, 10, 500}) {
    Simulation world(Hook(), 5);
    bool down = true;
    world.receiver = Answers(200, down);
    for (int i = 0; i < 1'000; ++i) world.Append("r" + std::to_string(i % repositories));
    world.RunFor(3'600 * kSecond);
    down = false;
    world.RunFor(31 * kSecond);  // and a second for a thousand of one repository, one after another
    EXPECT_EQ(world.accepted.size(), 1'000u) << "of " << repositories << " repositories";
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// The probes of an outage are no sign that an event is to blame when it fails once more by chance.
TEST(EndpointProbe, AnOutageDoesNotSlowWhatFailsByChanceAfterIt) {
  Simulation world(Hook(), 3);
  bool down = true;
  Chance chance(5);
  world.receiver = [&](const store::Event&, Moment) { return Answer(down || chance.Unit() < 0.2 ? 503 : 200); };
  for (int i = 0; i < 200; ++i) world.Append("r" + std::to_string(i % 10));
  world.RunFor(4 * 3'600 * kSecond);
  down = false;
  world.RunFor(45 * kSecond);
  EXPECT_EQ(world.accepted.size(), 200u);
}

// Repetitions that are numbered outlast a receiver's restart, and are not used up by probes, also across a restart of
// ours.
TEST(EndpointProbe, AnOutageMakesNoDeadLetters) {
  config::Endpoint endpoint = Hook();
  endpoint.max_retries = 5;
  for (const int seconds : {3, 12, 3'600}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      Simulation world(endpoint, seed);
      const Ticks back = world.now().ticks + seconds * kSecond;
      world.receiver = [back](const store::Event&, Moment now) { return Answer(now.ticks < back ? 503 : 200); };
      Append(world, "r", 100);
      world.RunFor(seconds * kSecond / 2);
      world.Crash();
      EXPECT_TRUE(world.RunUntilIdle(7'200 * kSecond));
      EXPECT_TRUE(world.dead.empty()) << world.dead.size() << " of seed " << seed << ", away for " << seconds << " s";
    }
  }
}

// An event that is to blame is given up, also where it is what opened the breaker and holds back all that would close
// it.
TEST(EndpointProbe, NumberedRepetitionsEndAnEventThatIsToBlame) {
  for (const config::Order order : {config::Order::kStrict, config::Order::kRepository}) {
    for (const int lanes : {1, 3, 10}) {
      for (const int retries : {3, 20}) {
        config::Endpoint endpoint = Hook();
        endpoint.order = order;
        endpoint.max_retries = retries;
        Simulation world(endpoint, 3);
        world.receiver = [lanes](const store::Event& event, Moment) { return Answer(event.seq <= lanes ? 500 : 200); };
        for (int i = 0; i < 20 * lanes; ++i) world.Append("app" + std::to_string(i % lanes));
        EXPECT_TRUE(world.RunUntilIdle(24 * 3'600 * kSecond));
        EXPECT_EQ(world.dead.size(), static_cast<std::size_t>(lanes));
      }
    }
  }
}

// The breaker opens a second time, by rejections, before the lane that was chosen for its probe has gone.
TEST(EndpointProbe, AProbeThatWasChosenAndHadToWaitIsChosenAgain) {
  config::Endpoint endpoint = Hook();
  endpoint.threshold = 1;
  endpoint.timeout = std::chrono::seconds(5);
  endpoint.backoff = std::chrono::seconds(30);
  endpoint.max_retries = 50;
  Simulation world(endpoint, 3);
  world.hangs_from = 1'000;
  world.receiver = [](const store::Event& event, Moment now) {
    if (event.repository == "fails" && now.ticks < 20 * kSecond) return Answer(500);
    Outcome outcome = Answer(200);
    if (event.repository.starts_with("bad") && now.ticks < 40 * kSecond) outcome.verdict = Verdict::kUndeliverable;
    return outcome;
  };
  world.details = std::string(2'000, 'x');
  world.Append("slow");
  Append(world, "bad", 2);
  world.RunFor(kSecond);
  world.details.clear();
  world.Append("fails");
  world.RunFor(100 * kMillisecond);
  Append(world, "r", 50);
  EXPECT_TRUE(world.RunUntilIdle(3'600 * kSecond));
}

TEST(EndpointProbe, OneRejectedEventDiesWhateverTheThreshold) {
  config::Endpoint endpoint = Hook();
  endpoint.threshold = 1;
  Simulation world(endpoint, 1);
  const bool down = false;
  world.receiver = Answers(400, down);
  Append(world, "bad", 1);
  EXPECT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.dead.size(), 1u);
}

}  // namespace
}  // namespace portcall::broker
