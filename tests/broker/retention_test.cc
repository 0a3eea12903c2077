#include "broker/retention.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <thread>
#include <utility>

#include "store/attempts.h"
#include "store/cursors.h"
#include "store/dead_letters.h"
#include "store/event_log.h"
#include "tests/broker/broker_world.h"
#include "tests/store/hold.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop_runner.h"

namespace portcall::broker {
namespace {

class RetentionTest : public ::testing::Test {
 protected:
  store::LogSize Size() { return world_.Size(); }
  // With an endpoint that has settled everything up to `unneeded`.
  void Sweep(config::EventsConfig events, store::Seq unneeded) {
    live_.endpoint = "hook";
    live_.settled_through = unneeded;
    Put(live_);
    config::Config config;
    config.events = events;
    retention_.Configure(config);
    runner_.Run(retention_.Sweep(never_));
    full_ = retention_.full();
  }
  // Of the endpoint, `count` each, with texts of that size.
  void Settle(int count, std::size_t size) {
    store::Settlement settlement;
    settlement.cursor = live_.id;
    settlement.number = 1;
    settlement.settled_through = live_.settled_through;
    for (int i = 0; i < count; ++i) {
      settlement.attempts.emplace_back().error = std::string(size, 'x');
      settlement.attempts.back().at = clock_.Now().time_since_epoch().count();
      settlement.dead.emplace_back().answer = std::string(size, 'x');
      settlement.dead.back().died_at = settlement.attempts.back().at;
    }
    ASSERT_TRUE(world_.store().WriteNow([&](store::Tx& tx) { return store::Settle(tx, settlement); }));
  }
  std::int64_t Bytes(std::int64_t (*of)(store::Snapshot&)) {
    return *world_.store().ReadNow([of](store::Snapshot& s) -> Result<std::int64_t> { return of(s); });
  }
  void Put(store::Cursor& cursor) {
    const auto put =
        world_.store().WriteNow([&](store::Tx& tx) -> Result<std::int64_t> { return store::PutCursor(tx, cursor); });
    ASSERT_TRUE(put);
    cursor.id = *put;
  }
  // A removed endpoint that still wants these.
  void Keep(store::Seq after, store::Seq through) {
    store::Cursor& cursor = removed_.emplace_back();
    cursor.endpoint = "gone";
    cursor.kind = store::CursorKind::kRemoved;
    cursor.settled_through = after;
    cursor.through = through;
    Put(cursor);
  }
  Task<> Expire(store::Seq through) {
    expired_through_ = live_.settled_through = through;
    Put(live_);
    co_return;
  }

  Task<> ExpireOfRemoved(store::Seq through) {
    removed_through_ = through;
    for (store::Cursor& cursor : removed_) {
      cursor.settled_through = std::max(cursor.settled_through, through);
      Put(cursor);
    }
    co_return;
  }

  testing::LoopRunner runner_;  // outlives the store, whose threads wake callers on it
  World world_;
  runtime::Log log_{{runtime::Level::kError, "text", {}}};
  testing::FakeClock clock_;
  Retention retention_{world_.store(),
                       log_,
                       clock_,
                       {[this](store::Seq through) { return Expire(through); },
                        [this](store::Seq through) { return ExpireOfRemoved(through); },
                        [this](const std::string& endpoint, std::size_t rows) { trimmed_[endpoint] += rows; }}};
  bool never_ = false, full_ = false;
  store::Seq expired_through_ = 0, removed_through_ = 0;
  store::Cursor live_;
  std::map<std::string, std::size_t> trimmed_;
  std::deque<store::Cursor> removed_;
};

TEST_F(RetentionTest, KeepsEventsForAWhileAfterTheLastCursorPassedThem) {
  world_.Append("repo", 1'200);
  config::EventsConfig events;
  events.keep = std::chrono::hours(1);
  events.max_bytes = 1ull << 40;
  Sweep(events, 700);
  clock_.Advance(std::chrono::minutes(50));
  Sweep(events, 1'100);
  clock_.Advance(std::chrono::minutes(9));
  Sweep(events, 1'100);
  EXPECT_EQ(Size().events, 1'200);
  clock_.Advance(std::chrono::minutes(2));
  Sweep(events, 1'100);
  EXPECT_EQ(Size().first, 701);  // the log is old by now, but the others were passed ten minutes ago
  clock_.Advance(std::chrono::hours(1));
  Sweep(events, 1'100);
  EXPECT_EQ(Size().first, 1'101);
}

TEST_F(RetentionTest, ACursorThatBeganEarlierKeepsWhatOthersPassedLongAgo) {
  world_.Append("repo", 100);
  config::EventsConfig events;
  events.max_bytes = 1ull << 40;
  Sweep(events, 100);
  clock_.Advance(std::chrono::hours(100));
  Sweep(events, 40);
  EXPECT_EQ(Size().first, 41);
}

TEST_F(RetentionTest, KeepOfZeroDeletesWhatEverybodyHasPassed) {
  world_.Append("repo", 1'200);
  config::EventsConfig events;
  events.max_bytes = 1ull << 40;
  events.keep = std::chrono::seconds(0);
  Sweep(events, 1'100);
  EXPECT_EQ(Size().events, 100);
}

TEST_F(RetentionTest, TheOldestExpireWhenHistoryDoesNotSuffice) {
  world_.Append("repo", 2'000);
  config::EventsConfig events;
  events.max_bytes = static_cast<std::uint64_t>(Size().bytes / 2);
  Sweep(events, 200);
  EXPECT_GE(expired_through_, 1'000);
  EXPECT_LT(expired_through_, 1'200);
  EXPECT_LE(Size().bytes, static_cast<std::int64_t>(events.max_bytes));
  expired_through_ = 0;
  Sweep(events, live_.settled_through);
  EXPECT_EQ(expired_through_, 0);
}

// A log that is written to all the time would else outgrow its bound.
TEST_F(RetentionTest, DeletingWaitsForNobodyOnceTheLogIsHigh) {
  world_.Append("repo", 1'000);
  config::EventsConfig events;
  events.keep = std::chrono::seconds(0);
  for (const bool high : {false, true}) {
    events.max_bytes = static_cast<std::uint64_t>(Size().bytes) * (high ? 11 : 100) / 10;
    Sweep(events, live_.settled_through);  // all that is there is needed, and is seen
    live_.settled_through += 200;
    Put(live_);
    const store::Seq first = Size().first;
    store::Hold hold(world_.store());
    std::jthread sweep([&] { runner_.Run(retention_.Sweep(never_)); });
    store::AwaitDepth(world_.store(), 1);
    store::Seq seen = 0;
    std::jthread request([&] {
      EXPECT_TRUE(world_.store().WriteNow([&](store::Tx& tx) -> Result<void> {
        seen = store::Tail(store::ReadIn(tx));
        return {};
      }));
    });
    store::AwaitDepth(world_.store(), 2);
    hold.Release();
    request.join();
    EXPECT_EQ(seen, first + (high ? 200 : 0));
  }
}

TEST_F(RetentionTest, ThePercentageIsOfTheDatabasesVolume) {
  world_.Append("repo", 10);
  config::EventsConfig events;
  events.max_percent = 1;
  events.on_full = config::OnFull::kRefuse;
  Sweep(events, 0);
  EXPECT_FALSE(full_);  // ten events are less than a hundredth of any disk
  EXPECT_EQ(Size().events, 10);
}

TEST_F(RetentionTest, AFullLogRefusesOnlyWhereItShould) {
  world_.Append("repo", 2'000);
  config::EventsConfig events;
  events.max_bytes = 1'000;
  events.on_full = config::OnFull::kRefuse;
  Sweep(events, 0);
  EXPECT_TRUE(full_);
  Sweep(events, 2'000);  // nobody needs it any more: history goes, whatever its age
  EXPECT_FALSE(full_);
}

TEST_F(RetentionTest, WhetherTheLogIsFullIsKnownBeforeTheFirstRound) {
  world_.Append("repo", 2'000);
  Keep(0, 800);
  live_.settled_through = 1'000;
  Put(live_);
  config::Config config;
  config.events.max_bytes = static_cast<std::uint64_t>(Size().bytes / 5 * 3);
  const auto look = [&] {
    retention_.Configure(config);
    runner_.Run(retention_.Look());
    return retention_.full();
  };
  EXPECT_FALSE(look());  // without the removed endpoint's events and those that nobody needs, it is not
  live_.settled_through = 500;
  Put(live_);
  EXPECT_FALSE(look());  // the oldest expire
  config.events.on_full = config::OnFull::kRefuse;
  EXPECT_TRUE(look());
  live_.settled_through = 1'000;
  Put(live_);
  EXPECT_FALSE(look());
}

TEST_F(RetentionTest, WhatARemovedEndpointKeepsIsItsOwnRange) {
  world_.Append("repo", 1'200);
  config::EventsConfig events;
  events.max_bytes = 1ull << 40;
  events.keep = std::chrono::seconds(0);
  Keep(100, 110);
  Sweep(events, 1'100);
  EXPECT_EQ(world_.Rows(), 110);
}

TEST_F(RetentionTest, WhatRemovedEndpointsKeepExpiresBeforePushesAreRefused) {
  world_.Append("repo", 2'000);
  config::EventsConfig events;
  events.max_bytes = static_cast<std::uint64_t>(Size().bytes / 4);
  events.on_full = config::OnFull::kRefuse;
  Keep(0, 300);
  Keep(800, 1'600);
  Sweep(events, 1'900);
  EXPECT_FALSE(full_);
  EXPECT_GT(removed_through_, 1'200);
  EXPECT_LT(removed_through_, 1'300);  // no more than must
  EXPECT_EQ(expired_through_, 0);
  EXPECT_LT(world_.Rows(), 500);
}

TEST_F(RetentionTest, RemovedEndpointsLoseNothingWhereAnEndpointNeedsItAsWell) {
  world_.Append("repo", 2'000);
  config::EventsConfig events;
  events.max_bytes = 1'000;
  events.on_full = config::OnFull::kRefuse;
  Keep(100, 2'000);
  Sweep(events, 0);
  EXPECT_TRUE(full_);
  EXPECT_EQ(removed_.front().settled_through, 100);
}

TEST_F(RetentionTest, OneLargeEventAmongSmallOnesExpiresNothing) {
  const std::string details = std::exchange(world_.details, std::string(1 << 20, 'x'));
  world_.Append("repo", 1);
  world_.details = details;
  world_.Append("repo", 2'000);
  config::EventsConfig events;
  events.max_bytes = 4 << 20;
  Sweep(events, 0);
  EXPECT_EQ(expired_through_, 0);
  EXPECT_EQ(world_.Rows(), 2'001);
  events.max_bytes = 1'400'000;
  Sweep(events, 0);
  EXPECT_EQ(expired_through_, 1) << "its bytes are enough";
}

TEST_F(RetentionTest, AttemptsAndDeadLettersGoBeyondTheirShare) {
  world_.Append("repo", 1'000);
  config::EventsConfig events;
  events.max_bytes = 2 << 20;
  Sweep(events, 0);
  Settle(5'000, 500);
  Sweep(events, 0);
  EXPECT_LE(Bytes(store::BytesOfAttempts), (2 << 20) / 10);
  EXPECT_GE(Bytes(store::BytesOfAttempts), (2 << 20) / 11);
  EXPECT_LE(Bytes(store::BytesOfDead), (2 << 20) / 5);
  EXPECT_GE(Bytes(store::BytesOfDead), (2 << 20) / 6);
  EXPECT_EQ(expired_through_, 0) << "no event gives way to them";
  EXPECT_EQ(world_.Rows(), 1'000);
}

TEST_F(RetentionTest, DeadLettersAreKeptForThirtyDaysAndAttemptsForSeven) {
  world_.Append("repo", 10);
  config::EventsConfig events;
  events.max_bytes = 1ull << 40;
  Sweep(events, 0);
  Settle(3, 100);
  clock_.Advance(std::chrono::days(7) - std::chrono::minutes(1));
  Sweep(events, 0);
  EXPECT_GT(Bytes(store::BytesOfAttempts), 0);
  clock_.Advance(std::chrono::minutes(2));
  Sweep(events, 0);
  EXPECT_EQ(Bytes(store::BytesOfAttempts), 0);
  clock_.Advance(std::chrono::days(23) - std::chrono::minutes(3));
  Sweep(events, 0);
  EXPECT_GT(Bytes(store::BytesOfDead), 0);
  EXPECT_TRUE(trimmed_.empty());
  clock_.Advance(std::chrono::minutes(3));
  Sweep(events, 0);
  EXPECT_EQ(Bytes(store::BytesOfDead), 0);
  EXPECT_EQ(trimmed_, (std::map<std::string, std::size_t>{{"", 3}}));
}

TEST_F(RetentionTest, WhatTheyTakeIsNotThereForTheLog) {
  world_.Append("repo", 1'000);
  config::EventsConfig events;
  events.max_bytes = static_cast<std::uint64_t>(Size().bytes) * 10 / 9;
  Sweep(events, 0);
  EXPECT_EQ(expired_through_, 0);
  Settle(5'000, 500);
  Sweep(events, 0);
  EXPECT_GT(expired_through_, 100);
  const std::int64_t all = Size().bytes + Bytes(store::BytesOfAttempts) + Bytes(store::BytesOfDead);
  EXPECT_LE(all, static_cast<std::int64_t>(events.max_bytes));
}

TEST_F(RetentionTest, ALogWhoseSizeCannotBeReadStaysFull) {
  world_.Append("repo", 2'000);
  config::EventsConfig events;
  events.max_bytes = 1'000;
  events.on_full = config::OnFull::kRefuse;
  Sweep(events, 0);
  EXPECT_TRUE(full_);
  world_.store().Close();
  ::testing::internal::CaptureStderr();
  runner_.Run(retention_.Sweep(never_));
  EXPECT_TRUE(log_.Flush());
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("size could not be read"), std::string::npos);
  EXPECT_TRUE(retention_.full());
}

TEST_F(RetentionTest, TheAlarmIsOfEventsThatSomebodyWaitsFor) {
  const auto lines = [this](store::Seq unneeded) {
    config::EventsConfig events;
    events.max_bytes = static_cast<std::uint64_t>(Size().bytes / 9 * 10);
    ::testing::internal::CaptureStderr();
    Sweep(events, unneeded);
    EXPECT_TRUE(log_.Flush());
    return ::testing::internal::GetCapturedStderr();
  };
  world_.Append("repo", 2'000);
  EXPECT_EQ(lines(2'000), "");  // delivered: it goes
  EXPECT_LT(world_.Rows(), 1'800);
  EXPECT_NE(lines(0).find("80 % of events.maxsize with undelivered events"), std::string::npos);
}

}  // namespace
}  // namespace portcall::broker
