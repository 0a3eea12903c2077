#include "broker/endpoint/counter.h"

#include <gtest/gtest.h>

#include "tests/broker/shell_test.h"

namespace portcall::broker {
namespace {

class CounterTest : public ShellTest {
 protected:
  explicit CounterTest(std::size_t ring_bytes = EventRing::kMaxBytes) : ShellTest(ring_bytes) {}

  // Of an endpoint that wants no pulls.
  void Begin(store::Cursor cursor = {}, std::vector<store::ParkedLane> parked = {}) {
    config::Endpoint entry = Entry();
    entry.ignore.actions = {"pull"};
    Open(entry, std::move(cursor), std::move(parked));
    On([this] {
      const auto ended = [this] {
        if (Delivers(stage_)) counter_->Count(Now());
      };
      counter_ = std::make_unique<Counter>(
          around_, entry_, *core_, TasksOf(ended), stage_,
          Counter::Calls{[this](const store::Event&) { ++recorded_; }, [this] { ++counted_anew_; }});
    });
  }
  void Mixed(int pushes, int pulls) {
    world_.Append("repo", pushes);
    world_.Append("repo", pulls, store::Action::kPull);
  }
  void CountNow() {
    On([this] { counter_->Count(Now()); });
  }
  bool Quiet() {
    return world_.Eventually([this] { return On([this] { return counter_->quiet(); }); });
  }
  std::int64_t Pending() {
    return On([this] { return core_->pending(); });
  }
  std::unique_ptr<Counter> counter_;
  int recorded_ = 0, counted_anew_ = 0;
};

class SmallRingTest : public CounterTest {
 protected:
  SmallRingTest() : CounterTest(1) {}
};

TEST_F(CounterTest, WhatTheEndpointWantsIsPendingAsSoonAsItIsCommitted) {
  Begin();
  Mixed(600, 70);
  CountNow();
  EXPECT_EQ(Pending(), 600);
  EXPECT_EQ(recorded_, 600);
  CountNow();
  Mixed(5, 1);
  CountNow();
  EXPECT_EQ(Pending(), 605) << "each once";
}

TEST_F(SmallRingTest, WhatTheRingHasLetGoIsCountedFromTheLog) {
  Begin();
  Mixed(1'500, 70);
  CountNow();
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(Pending(), 1'500);
  EXPECT_EQ(On([this] { return core_->counted(); }), 1'570);
}

TEST_F(SmallRingTest, ALogThatCannotBeReadIsCountedLater) {
  Begin();
  Mixed(50, 70);
  Hide("events");
  CountNow();
  EXPECT_FALSE(On([this] { return counter_->quiet(); })) << "so its number is an estimate";
  AwaitReads();
  EXPECT_EQ(Pending(), 0);
  Reveal("events");
  ASSERT_TRUE(world_.Eventually([this] { return Pending() == 50; }));
}

TEST_F(SmallRingTest, AStopWaitsForNoCount) {
  Begin();
  Mixed(50, 0);
  Hide("events");
  CountNow();
  On([this] {
    stage_ = Stage::kDraining;
    gate_.Close();
  });
  runner_.Run(gate_.Drained());
  EXPECT_EQ(Pending(), 0) << "the next start counts it";
}

TEST_F(CounterTest, ARecountWithSettlementsMeanwhileIsRight) {
  Mixed(10, 5);
  store::Cursor cursor;
  cursor.through = 15;
  cursor.matched = 99;  // with another filter
  Begin(cursor);
  On([this] {
    Feed();
    counter_->Recount(cursor_.id);
    Deliver(1);
  });
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(Pending(), 9);
  EXPECT_EQ(counted_anew_, 1);
}

TEST_F(CounterTest, ARecountCountsWhatWaitsBehindTheCursor) {
  Mixed(10, 5);
  store::Cursor cursor;
  cursor.through = cursor.settled_through = 15;
  cursor.matched = cursor.settled = 77;
  Begin(cursor, {{"\nrepo", 4, 1, 0, 0, "503"}});
  On([this] { counter_->Recount(cursor_.id); });
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(Pending(), 7);
}

// The cursor as it is stored has moved on by the time the count begins.
TEST_F(CounterTest, ARecountBeginsWhereTheStoredCursorIs) {
  Mixed(10, 0);
  Begin();
  On([this] {
    Feed();
    Deliver(1);
  });
  auto settlement = *On([this] { return core_->TakeSettlement(Now(), true); });
  settlement.number = 1;
  ASSERT_TRUE(world_.store().WriteNow([&](store::Tx& tx) { return store::Settle(tx, settlement); }));
  On([this] {
    core_->Flushed();
    counter_->Recount(cursor_.id);
    Deliver(2);
  });
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(Pending(), 7);
}

TEST_F(CounterTest, ARecountThatCannotReadIsMadeAgainAndStoresNoWrongNumber) {
  Mixed(10, 5);
  store::Cursor cursor;
  cursor.through = cursor.settled_through = 15;
  Begin(cursor, {{"\nrepo", 4, 1, 0, 0, "503"}});
  Hide("events");
  On([this] { counter_->Recount(cursor_.id); });
  AwaitReads();
  EXPECT_EQ(counted_anew_, 0);
  EXPECT_FALSE(On([this] { return counter_->quiet(); }));
  Reveal("events");
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(Pending(), 7);
  EXPECT_EQ(counted_anew_, 1);
}

}  // namespace
}  // namespace portcall::broker
