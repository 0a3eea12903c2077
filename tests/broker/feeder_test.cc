#include "broker/endpoint/feeder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/broker/shell_test.h"

namespace portcall::broker {
namespace {

using std::chrono::seconds;

// Everything that the core may send is delivered at once, unless it is held.
class FeederTest : public ShellTest {
 protected:
  explicit FeederTest(std::size_t ring_bytes = EventRing::kMaxBytes) : ShellTest(ring_bytes) {}

  void Begin(store::Cursor cursor = {}, std::vector<store::ParkedLane> parked = {},
             std::optional<std::int64_t> oldest = {}) {
    sinks::Capacity capacity;
    capacity.pipelines_lanes = true;
    capacity.window = 5'000;
    config::Endpoint entry = Entry();
    entry.ignore.actions = {"pull"};
    Open(entry, std::move(cursor), std::move(parked), capacity);
    On([&] {
      feeder_ = std::make_unique<Feeder>(around_, entry_, *core_, TasksOf([this] { Ended(); }), oldest);
      core_->Counted(0, ring_.head(), Now());
    });
  }
  void Ended() {
    ++ended_;
    if (reads_on_) Pump();
  }
  void Pump() {
    bool more = true;
    while (more) {
      core_->Grown(ring_.head());
      feeder_->Feed(Now());
      feeder_->ReadLanes(Now());
      most_bytes_ = std::max(most_bytes_, core_->bytes());
      const std::vector<Attempt> attempts = held_ ? std::vector<Attempt>() : Claim();
      for (const Attempt& attempt : attempts) {
        seen_.push_back(attempt.event->seq);
        core_->OnOutcome(attempt, Receiver::Accept(), Now());
      }
      more = !attempts.empty();
      if (more && core_->TakeSettlement(Now(), true)) core_->Flushed();
    }
  }
  void PumpNow() {
    On([this] { Pump(); });
  }
  std::vector<store::Seq> Seen() {
    return On([this] { return seen_; });
  }
  bool Sees(store::Seq from, store::Seq through) {
    std::vector<store::Seq> all(static_cast<std::size_t>(through - from + 1));
    std::iota(all.begin(), all.end(), from);
    (void)world_.Eventually([&] { return Seen().size() >= all.size(); }, seconds(10));
    return Seen() == all;
  }
  std::int64_t RecordedAt(store::Seq seq) {
    auto find = [seq](store::Snapshot& s) -> Result<std::int64_t> { return store::FindEvent(s, seq)->recorded_at; };
    return *world_.store().ReadNow(find);
  }
  auto Oldest() {
    return On([this] { return feeder_->OldestRecorded(); });
  }
  std::unique_ptr<Feeder> feeder_;
  std::vector<store::Seq> seen_;
  std::size_t most_bytes_ = 0;
  bool held_ = false;
  bool reads_on_ = true;  // when a task of its own has ended
  int ended_ = 0;
};

class LaggingFeederTest : public FeederTest {
 protected:
  LaggingFeederTest() : FeederTest(1) {}
};

TEST_F(FeederTest, BringsWhatIsNewInOrderAndOnce) {
  Begin();
  world_.Append("repo", 600);
  PumpNow();
  world_.Append("repo", 3);
  PumpNow();
  PumpNow();
  EXPECT_TRUE(Sees(1, 603));
}

TEST_F(LaggingFeederTest, BringsFromTheLogWhatTheRingHasLetGo) {
  Begin();
  world_.Append("repo", 2'500);
  PumpNow();
  EXPECT_TRUE(Sees(1, 2'500));
}

TEST_F(LaggingFeederTest, NeverBringsWhatRetentionMayDelete) {
  world_.Append("repo", 1'500);
  (void)runner_.Run(reader_.Read(0, 1'500, called_off_));  // the pages that all share still have it
  store::Cursor cursor;
  cursor.settled_through = cursor.through = 1'200;
  Sql("DELETE FROM events WHERE seq<=1200");
  Begin(cursor);
  PumpNow();
  EXPECT_TRUE(Sees(1'201, 1'500));
}

TEST_F(LaggingFeederTest, WhatWasReadForACursorThatMovedIsNotBrought) {
  world_.details = std::string(10'000, 'x');
  world_.Append("repo", 1'000);
  Begin();
  held_ = true;
  PumpNow();
  ASSERT_TRUE(world_.Eventually([this] { return On([this] { return core_->scan() > 0 && feeder_->quiet(); }); }));
  Sql("DELETE FROM events WHERE seq<=700");
  On([this] {
    store::Cursor moved = cursor_;
    moved.settled_through = moved.through = 700;
    core_->Stop(true);
    core_->Reload(moved, {}, Now());
    feeder_->Reloaded();
    core_->Stop(false);
    held_ = false;
  });
  PumpNow();
  EXPECT_TRUE(Sees(701, 1'000));
}

TEST_F(LaggingFeederTest, HoldsNoMoreBytesOfTheLogThanTheEndpointMay) {
  constexpr std::size_t kEvent = 64 << 10;
  world_.details = std::string(kEvent, 'x');
  world_.Append("repo", 200);
  Begin();
  held_ = true;
  PumpNow();
  ASSERT_TRUE(world_.Eventually([this] { return On([this] { return core_->scan() > 0 && feeder_->quiet(); }); }));
  const std::size_t bound = On([this] { return core_->policy().max_bytes; });
  EXPECT_LT(On([this] { return core_->scan(); }), 200);
  EXPECT_GE(most_bytes_, bound - 2 * kEvent);
  held_ = false;
  PumpNow();
  EXPECT_TRUE(Sees(1, 200));
  EXPECT_LT(most_bytes_, bound + 2 * kEvent);
}

TEST_F(LaggingFeederTest, ALogThatCannotBeReadIsReadAgainAfterAWhile) {
  Begin();
  world_.Append("repo", 20);
  Hide("events");
  PumpNow();
  ASSERT_TRUE(world_.Eventually([this] { return On([this] { return feeder_->retry().has_value(); }); }));
  Reveal("events");
  PumpNow();
  EXPECT_TRUE(On([this] { return feeder_->quiet(); })) << "not at once: the database has trouble enough";
  world_.clock().Advance(seconds(1));
  PumpNow();
  EXPECT_TRUE(Sees(1, 20));
  EXPECT_EQ(Count(Lines(), "the event log could not be read\" endpoint=hook"), 1);
}

TEST_F(FeederTest, BringsWhatWaitsBehindTheCursorWhenItsTurnHasCome) {
  world_.Append("repo", 300);
  store::Cursor cursor;
  cursor.settled_through = cursor.through = 300;
  cursor.matched = 297;
  Begin(cursor, {{"\nrepo", 4, 1, 0, 0, "503"}});
  PumpNow();
  EXPECT_TRUE(Sees(4, 300));
}

TEST_F(FeederTest, ALaneThatCannotBeReadIsReadAgainAfterAWhile) {
  world_.Append("repo", 9);
  store::Cursor cursor;
  cursor.settled_through = cursor.through = 9;
  Begin(cursor, {{"\nrepo", 4, 1, 0, 0, "503"}});
  Hide("events");
  PumpNow();
  ASSERT_TRUE(world_.Eventually([this] { return On([this] { return feeder_->retry().has_value(); }); }));
  Reveal("events");
  world_.clock().Advance(seconds(1));
  PumpNow();
  EXPECT_TRUE(Sees(4, 9));
}

TEST_F(FeederTest, LooksForTheOldestEventWhereTheEndpointDoesNotReadOn) {
  world_.Append("repo", 3, store::Action::kPull);
  world_.Append("repo", 3);
  reads_on_ = false;
  Begin();
  On([this] {
    core_->Recounted(3, 6, Now());
    feeder_->Tick(false);
  });
  EXPECT_TRUE(On([this] { return feeder_->quiet(); }));
  EXPECT_EQ(Oldest(), std::nullopt);
  On([this] { feeder_->Tick(true); });
  EXPECT_TRUE(world_.Eventually([this] { return Oldest() == RecordedAt(4); }));
  EXPECT_EQ(On([this] { return ended_; }), 1) << "who waits until it is quiet looks again";
  On([this] { feeder_->Reloaded(); });
  EXPECT_EQ(Oldest(), std::nullopt);
}

TEST_F(FeederTest, KnowsTheOldestEventFromTheStart) {
  world_.Append("repo", 3);
  Begin({}, {}, 77);
  EXPECT_EQ(Oldest(), std::nullopt) << "nothing is pending";
  On([this] { core_->Recounted(3, 3, Now()); });
  EXPECT_EQ(Oldest(), 77);
  PumpNow();
  EXPECT_NE(Oldest(), 77);
}

TEST_F(LaggingFeederTest, AfterAStopNothingIsReadAndNothingIsHeldUp) {
  Begin();
  world_.Append("repo", 20);
  On([this] {
    held_ = true;
    Pump();
    gate_.Close();
  });
  runner_.Run(gate_.Drained());
  EXPECT_TRUE(On([this] { return feeder_->quiet(); }));
  On([this] {
    feeder_->Reloaded();
    Pump();
    feeder_->Tick(true);
  });
  EXPECT_TRUE(On([this] { return feeder_->quiet(); }));
}

}  // namespace
}  // namespace portcall::broker
