#include <gtest/gtest.h>

#include "tests/broker/answers.h"
#include "tests/broker/simulation.h"

// What a restart must not change.
namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

config::Endpoint Entry() {
  config::Endpoint endpoint;
  endpoint.name = "hook";
  endpoint.threshold = 3;
  endpoint.backoff = endpoint.max_backoff = std::chrono::seconds(60);
  endpoint.fingerprint = "as it was";
  return endpoint;
}

class RestartTest : public ::testing::Test {
 protected:
  void Append(int events) {
    for (int i = 0; i < events; ++i) world_.Append("r" + std::to_string(i));
  }
  void Open() {
    world_.receiver = [this](const store::Event&, Moment) { return Answer(status_); };
    Append(50);
    world_.RunFor(10 * kSecond);
    ASSERT_EQ(world_.core().pace().breaker().state(), BreakerState::kOpen);
  }
  Simulation world_{Entry(), 1};
  int status_ = 503;
};

TEST_F(RestartTest, AnOpenBreakerWaitsForItsProbe) {
  Open();
  const std::size_t before = world_.sent_at.size();
  world_.Crash();
  EXPECT_EQ(world_.core().pace().breaker().state(), BreakerState::kOpen);
  EXPECT_TRUE(world_.core().pace().failing());
  world_.Restart();
  world_.RunFor(45 * kSecond);
  EXPECT_EQ(world_.sent_at.size(), before);
  world_.RunFor(10 * kSecond);
  EXPECT_EQ(world_.sent_at.size(), before + 1);
}

TEST_F(RestartTest, TheTimeBetweenTwoLivesCounts) {
  Open();
  const std::size_t before = world_.sent_at.size();
  world_.Crash(55 * kSecond);
  world_.RunFor(kSecond);
  EXPECT_EQ(world_.sent_at.size(), before + 1);
}

TEST_F(RestartTest, AChangedEntryStartsFresh) {
  Open();
  const std::size_t before = world_.sent_at.size();
  config::Endpoint changed = Entry();
  changed.fingerprint = "changed";
  world_.Reload(changed);
  EXPECT_EQ(world_.core().pace().breaker().state(), BreakerState::kClosed);
  status_ = 200;
  world_.RunFor(kSecond);
  EXPECT_GT(world_.sent_at.size(), before);
}

TEST_F(RestartTest, ASuccessForgetsTheFailuresThatAreStored) {
  Open();
  status_ = 200;
  ASSERT_TRUE(world_.RunUntilIdle(600 * kSecond));
  EXPECT_EQ(world_.cursor.pace, "");
  world_.Crash();
  EXPECT_EQ(world_.core().pace().breaker().state(), BreakerState::kClosed);
  EXPECT_FALSE(world_.core().pace().failing());
}

TEST_F(RestartTest, RetryAfterHolds) {
  world_.receiver = [this](const store::Event&, Moment) {
    Outcome outcome = Answer(status_);
    if (status_ != 200) outcome.retry_after = std::chrono::seconds(40);
    return outcome;
  };
  Append(1);
  world_.RunFor(kSecond);
  ASSERT_EQ(world_.sent_at.size(), 1u);
  status_ = 200;
  world_.Crash(5 * kSecond);
  world_.RunFor(30 * kSecond);
  EXPECT_EQ(world_.sent_at.size(), 1u);
  world_.RunFor(10 * kSecond);
  EXPECT_EQ(world_.sent_at.size(), 2u);
}

// Plain HTTP on an HTTPS port: however often the process restarts, its events must not die one by one.
TEST_F(RestartTest, AStreakOfRejectionsGoesOn) {
  status_ = 400;
  world_.receiver = [this](const store::Event&, Moment) { return Answer(status_); };
  for (int life = 0; life < 20; ++life) {
    Append(1);
    world_.RunFor(5 * kSecond);
    world_.Restart();
  }
  EXPECT_EQ(world_.dead.size(), 2u);
  EXPECT_EQ(world_.core().pace().breaker().state(), BreakerState::kOpen);
}

// A row of an event that a changed filter does not want any more must go, or it would hold the log for ever.
class UnwantedRowTest : public ::testing::Test {
 protected:
  // Starts with a row that an earlier entry left, of the event that comes next.
  static void Run(config::Endpoint entry, const std::string& lane, int attempts, const std::string& reason) {
    entry.ignore.repositories = {"unwanted"};
    Simulation world(entry, 1);
    world.Append("other");
    ASSERT_TRUE(world.RunUntilIdle(10 * kSecond));
    const store::Seq next = world.log.back()->seq + 1;
    world.Restart([&] {
      world.rows[lane] = {
          .lane = lane, .next_seq = next, .attempts = attempts, .reason = reason, .started = attempts == 0};
    });
    world.RunFor(10 * kSecond);  // its turn comes before the event is read
    world.Append("unwanted");
    world.RunFor(10 * kSecond);
    EXPECT_TRUE(world.rows.empty()) << world.rows.begin()->first << " of " << world.rows.begin()->second.next_seq;
    EXPECT_EQ(world.cursor.settled_through, next);
    world.Append("other");
    EXPECT_TRUE(world.RunUntilIdle(10 * kSecond));
    EXPECT_TRUE(world.dead.empty()) << world.dead.begin()->second.reason;
  }
};

TEST_F(UnwantedRowTest, OfAnAnnouncedAttempt) {
  config::Endpoint entry = Entry();
  entry.retry_on_timeout = false;
  Run(entry, "\nunwanted", 0, "started");
}

TEST_F(UnwantedRowTest, OfAFailedEvent) { Run(Entry(), "\nunwanted", 3, "503"); }

TEST_F(UnwantedRowTest, OfAStrictOrder) {
  config::Endpoint entry = Entry();
  entry.order = config::Order::kStrict;
  Run(entry, "*", 3, "503");
}

}  // namespace
}  // namespace portcall::broker
