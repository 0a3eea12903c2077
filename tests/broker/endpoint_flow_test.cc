#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/broker/answers.h"
#include "tests/broker/simulation.h"

// Who may be sent to, and who waits for whom.
namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

Outcome Answer(Verdict verdict, int status) {
  Outcome outcome;
  outcome.verdict = verdict;
  outcome.status = status;
  return outcome;
}

// A rollout's pulls of one image, and a push of another behind them.
TEST(EndpointFlow, OneBusyRepositoryDelaysNoOther) {
  Simulation world(Hook(), 1);
  world.latency = 50 * kMillisecond;
  for (int i = 0; i < 6'000; ++i) world.Append("busy", store::Action::kPull);
  world.Append("other");
  world.RunFor(2 * kSecond);
  EXPECT_TRUE(world.accepted.contains(6'001)) << "after " << world.accepted.size() << " others";
  world.latency = kMillisecond;
  EXPECT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// While the store takes nothing, all that was sent would be sent again after a crash.
TEST(EndpointFlow, WhatACrashMayRepeatIsBounded) {
  Simulation world(Hook(), 1);
  world.failing_flushes = 1;
  for (int i = 0; i < 5'000; ++i) world.Append("repo" + std::to_string(i % 100));
  world.RunFor(60 * kSecond);
  EXPECT_EQ(world.cursor.settled, 0);
  EXPECT_GE(world.accepted.size(), 1'024u);
  EXPECT_LE(world.accepted.size(), 1'024u + 32u);
  world.failing_flushes = 0;
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_EQ(world.accepted.size(), 5'000u);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointFlow, AFailureHalvesTheWindow) {
  Simulation world(Hook(), 1);
  world.receiver = [](const store::Event&, Moment) { return Answer(Verdict::kFailed, 503); };
  world.Append("bad");
  EXPECT_EQ(world.core().window(), 32);
  world.RunFor(30 * kMillisecond);  // its second attempt is later
  ASSERT_EQ(world.sends[1], 1);
  EXPECT_EQ(world.core().window(), 16);
}

TEST(EndpointFlow, NorDoesOneWithLargeEvents) {
  Simulation world(Hook(), 2);
  world.latency = 50 * kMillisecond;
  world.details = std::string(100'000, 'x');
  for (int i = 0; i < 200; ++i) world.Append("busy", store::Action::kPull);
  world.details.clear();
  world.Append("other");
  world.RunFor(2 * kSecond);
  EXPECT_TRUE(world.accepted.contains(201)) << "after " << world.accepted.size() << " others";
  world.latency = kMillisecond;
  EXPECT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// Who refuses half of what it gets is neither starved nor left alone.
TEST(EndpointFlow, AnEndpointThatFailsAtRandomIsSentToAllTheTime) {
  config::Endpoint endpoint = Hook();
  endpoint.threshold = 5;
  Simulation world(endpoint, 4);
  Chance chance(5);
  world.receiver = [&chance](const store::Event&, Moment) {
    return chance.Unit() < 0.5 ? Answer(Verdict::kFailed, 503) : Answer(Verdict::kDelivered, 200);
  };
  for (int i = 0; i < 20'000; ++i) world.Append("r" + std::to_string(i % 1'000));
  world.RunFor(5 * kSecond);
  EXPECT_GT(world.accepted.size(), 3'500u);
  EXPECT_LE(std::ranges::count(world.notes, Note::Kind::kOpened, &Note::kind), 1);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// Whoever does not answer a large event for as long as it may has the others meanwhile.
TEST(EndpointFlow, ALargeEventThatHangsDelaysNoOther) {
  Simulation world(Hook(), 1);
  world.receiver = [](const store::Event& event, Moment) {
    return event.repository == "big" ? Answer(Verdict::kFailed, 0) : Answer(Verdict::kDelivered, 200);
  };
  world.hangs_from = 1 << 20;
  world.details = std::string(4 << 20, 'x');
  world.Append("big");
  world.details.clear();
  for (int i = 0; i < 300; ++i) {
    world.Append("r" + std::to_string(i));
    world.RunFor(200 * kMillisecond);
    EXPECT_LE(world.core().pending(), 2);
  }
  EXPECT_GT(world.sends[1], 3);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// A page of a parked lane is one event at least, whatever its size.
TEST(EndpointFlow, ParkedLanesOfLargeEventsAreReadAsThereIsRoom) {
  for (const std::size_t limit : {std::size_t{16} << 20, std::size_t{5} << 20}) {
    Simulation world(Hook(), 1);
    world.core().LimitInFlight(limit);
    bool up = false;
    world.receiver = [&up](const store::Event&, Moment) {
      return up ? Answer(Verdict::kDelivered, 200) : Answer(Verdict::kFailed, 503);
    };
    world.details = std::string(3 << 20, 'x');
    for (int i = 0; i < 60; ++i) world.Append("r" + std::to_string(i));
    world.RunFor(120 * kSecond);
    ASSERT_GT(world.core().parked(), 10u);
    up = true;
    world.latency = 20 * kMillisecond;
    std::size_t most = 0;
    for (int i = 0; i < 60'000 && world.accepted.size() < 60; ++i) {
      world.RunFor(kMillisecond);
      most = std::max(most, world.core().bytes());
    }
    EXPECT_EQ(world.accepted.size(), 60u);
    EXPECT_LE(most, limit + (8 << 20));  // what is in flight, the last of it, and one that is ready
    EXPECT_TRUE(world.RunUntilIdle(60 * kSecond));
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// A backlog of large events takes all the room there is, as soon as it gets free.
TEST(EndpointFlow, ABacklogKeepsNoRoomFromWhatFailedOnce) {
  Simulation world(Hook(), 3);
  world.latency = 20 * kMillisecond;
  bool first = true;
  world.receiver = [&first](const store::Event& event, Moment) {
    const bool fails = event.repository == "victim" && std::exchange(first, false);
    return fails ? Answer(Verdict::kFailed, 500) : Answer(Verdict::kDelivered, 200);
  };
  world.details = std::string(5'000, 'x');
  world.Append("victim");
  for (int i = 0; i < 10'000; ++i) world.Append("r" + std::to_string(i % 300));
  world.RunFor(2 * kSecond);
  EXPECT_TRUE(world.accepted.contains(1)) << "after " << world.accepted.size() << " others";
  EXPECT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// Attempts that are announced on disk before they leave, while an answer says that nothing may be sent.
class AnnouncedTest : public ::testing::Test {
 protected:
  static config::Endpoint Careful() {
    config::Endpoint endpoint = Hook();
    endpoint.retry_on_timeout = false;
    return endpoint;
  }
  // The first event is answered while those of ten other repositories are being announced.
  void AnswerWhileOthersAreAnnounced(const Outcome& outcome) {
    bool first = true;
    world_.receiver = [first, outcome](const store::Event&, Moment) mutable {
      return std::exchange(first, false) ? outcome : Answer(Verdict::kDelivered, 200);
    };
    world_.flush_latency = kMillisecond;
    world_.latency = 100 * kMillisecond;
    world_.Append("first");
    while (world_.sent_at.empty()) world_.RunFor(kMillisecond);
    world_.flush_latency = 2 * kSecond;
    for (int i = 0; i < 10; ++i) world_.Append("r" + std::to_string(i));
    world_.RunFor(10 * kSecond);
    world_.flush_latency = world_.latency = kMillisecond;
    world_.RunFor(2 * kSecond);
  }
  Simulation world_{Careful(), 3};
};

TEST_F(AnnouncedTest, NothingLeavesBeforeRetryAfter) {
  Outcome busy = Answer(Verdict::kFailed, 429);
  busy.retry_after = std::chrono::seconds(60);
  AnswerWhileOthersAreAnnounced(busy);
  EXPECT_EQ(world_.sent_at.size(), 1u);
  EXPECT_EQ(world_.core().in_flight(), 0);
  EXPECT_TRUE(world_.RunUntilIdle(120 * kSecond));
  EXPECT_EQ(world_.accepted.size(), 11u);
  EXPECT_TRUE(world_.dead.empty());
}

TEST_F(AnnouncedTest, APauseLeavesNoRowThatSaysStarted) {
  AnswerWhileOthersAreAnnounced(Answer(Verdict::kGone, 410));
  EXPECT_EQ(world_.sent_at.size(), 1u);
  EXPECT_EQ(world_.core().in_flight(), 0);
  EXPECT_TRUE(std::ranges::none_of(world_.rows, [](const auto& row) { return row.second.reason == "started"; }));
  EXPECT_EQ(world_.core().pending(), 11);
}

// What a receiver answers is text for operators: whatever it says, it is no word of ours.
TEST(EndpointFlow, AReceiverMayAnswerWithAnyWord) {
  for (const std::string word : {"started", "in flight", "debounce", "waits for its turn", "rejected", "maxage"}) {
    for (const bool careful : {false, true}) {
      config::Endpoint endpoint = Hook();
      endpoint.retry_on_timeout = !careful;
      Simulation world(endpoint, 1);
      world.receiver = [&world, &word](const store::Event& event, Moment) {
        Outcome outcome = Answer(world.sends[event.seq] < 4 ? Verdict::kFailed : Verdict::kDelivered, 500);
        outcome.error = word;
        return outcome;
      };
      for (int i = 0; i < 3; ++i) world.Append("r" + std::to_string(i));
      world.RunFor(300 * kMillisecond);
      world.Crash();
      EXPECT_TRUE(world.RunUntilIdle(600 * kSecond));
      EXPECT_EQ(world.accepted.size(), 3u) << word << ": " << world.dead.size() << " died";
      EXPECT_TRUE(world.violations.empty()) << world.violations.front();
    }
  }
}

}  // namespace
}  // namespace portcall::broker
