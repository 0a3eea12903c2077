#include "broker/endpoint/settler.h"

#include <gtest/gtest.h>

#include "store/endpoints.h"
#include "tests/broker/shell_test.h"

namespace portcall::broker {
namespace {

class SettlerTest : public ShellTest {
 protected:
  // Five events of which one is dead, one waits, and three are delivered.
  void SetUp() override {
    for (int i = 0; i < 5; ++i) world_.Append("repo" + std::to_string(i));
    store::Cursor cursor;
    cursor.fingerprint = "of an older filter";
    Open(Entry(), cursor);
    On([this] {
      settler_ = std::make_unique<Settler>(around_, entry_, *core_, cursor_, stage_);
      Feed();
      sinks::Outcome hopeless;
      hopeless.verdict = sinks::Verdict::kUndeliverable;
      for (const Attempt& attempt : Claim()) {
        const store::Seq seq = attempt.event->seq;
        core_->OnOutcome(attempt, seq == 1 ? hopeless : seq == 2 ? Receiver::Fail() : Receiver::Accept(), Now());
      }
    });
  }
  std::future<bool> Flush() {
    auto settlement = On([this] { return core_->TakeSettlement(Now(), true); });
    return runner_.Start(settler_->Flush(std::move(*settlement)));
  }
  void CheckStored() {
    EXPECT_EQ(Stored().settled_through, 5);
    EXPECT_EQ(Stored().matched, 5);
    EXPECT_EQ(Stored().settled, 4);
    EXPECT_EQ(Stored().settlements, 1);
    ASSERT_EQ(Dead().size(), 1u);
    EXPECT_EQ(Dead()[0].event.seq, 1);
    ASSERT_EQ(Parked().size(), 1u);
    EXPECT_EQ(Parked()[0].next_seq, 2);
    EXPECT_EQ(Parked()[0].attempts, 1);
    EXPECT_EQ(world_.Attempts("hook", 2), 1);
  }
  void CheckNothingStored() {
    EXPECT_EQ(Stored().settled_through, 0);
    EXPECT_TRUE(Dead().empty());
    EXPECT_TRUE(Parked().empty());
    EXPECT_EQ(world_.Attempts("hook", 2), 0);
  }
  // Somebody else takes the cursor, as another process would.
  void TakeAway() { Sql("UPDATE cursors SET holder=holder+1"); }
  std::unique_ptr<Settler> settler_;
};

TEST_F(SettlerTest, WhatCouldNotBeWrittenIsTriedAgainWithAllThatItHolds) {
  Refuse("cursors");
  auto flushed = Flush();
  AwaitWriter();
  CheckNothingStored();
  On([this] { EXPECT_FALSE(core_->TakeSettlement(Now(), true)) << "one at a time"; });
  Permit("cursors");
  EXPECT_TRUE(runner_.Await(std::move(flushed)));
  CheckStored();
  On([this] {
    EXPECT_TRUE(core_->flushed());
    EXPECT_TRUE(core_->quiet());
    EXPECT_EQ(settler_->cursor().settled_through, 5);
  });
  EXPECT_GE(Count(Lines(), "deliveries could not be settled\" endpoint=hook error="), 1);
}

TEST_F(SettlerTest, WhatMayHaveBeenWrittenIsStoredOnce) {
  world_.HideNextOutcome();
  EXPECT_TRUE(runner_.Await(Flush()));
  CheckStored();
}

TEST_F(SettlerTest, AStopTriesNoMoreAndTheNextStartDecidesAnew) {
  Refuse("cursors");
  auto flushed = Flush();
  AwaitWriter();
  On([this] { stage_ = Stage::kDraining; });
  EXPECT_FALSE(runner_.Await(std::move(flushed)));
  Permit("cursors");
  CheckNothingStored();
}

TEST_F(SettlerTest, AStopWritesAllThatIsDecided) {
  On([this] {
    stage_ = Stage::kDraining;
    core_->Stop(true);
  });
  EXPECT_TRUE(runner_.Run(settler_->FlushEverything()));
  CheckStored();
}

// As after an hour in which nothing else of the lane had to be written.
TEST_F(SettlerTest, AStopStoresHowOldWhatWaitsHasBecome) {
  ASSERT_TRUE(runner_.Await(Flush()));
  constexpr std::chrono::nanoseconds kHour = std::chrono::hours(1);
  world_.clock().Advance(kHour);
  On([this] {
    stage_ = Stage::kDraining;
    core_->Stop(true);
  });
  EXPECT_TRUE(runner_.Run(settler_->FlushEverything()));
  ASSERT_EQ(Parked().size(), 1u);
  EXPECT_GE(Parked()[0].age, kHour.count());
}

TEST_F(SettlerTest, TheFilterIsStoredWithTheCountThatBelongsToIt) {
  EXPECT_TRUE(runner_.Await(Flush()));
  EXPECT_EQ(Stored().fingerprint, "of an older filter");
  On([this] {
    settler_->CountedAnew();
    core_->Recounted(0, 5, Now());
  });
  EXPECT_TRUE(runner_.Await(Flush()));
  EXPECT_EQ(Stored().fingerprint, core_->filter().fingerprint());
}

TEST_F(SettlerTest, APauseIsStoredHoweverLongThatTakes) {
  On([this] { core_->SetPause("it is gone", Now()); });
  Refuse("endpoints");
  auto stored = runner_.Start(settler_->StorePause("it is gone", 7));
  AwaitWriter();
  Permit("endpoints");
  runner_.Await(std::move(stored));
  const auto state = *world_.store().ReadNow(
      [](store::Snapshot& s) -> Result<std::optional<store::EndpointState>> { return store::FindEndpoint(s, "hook"); });
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->paused);
  EXPECT_EQ(state->reason, "it is gone");
}

TEST_F(SettlerTest, WhatAnOperatorHasSaidSinceIsNotOverruledByA410) {
  const auto stored = [this] {
    return *world_.store().ReadNow(
        [](store::Snapshot& s) -> Result<store::EndpointState> { return *store::FindEndpoint(s, "hook"); });
  };
  const auto put = [this](const store::EndpointState& state) {
    ASSERT_TRUE(world_.store().WriteNow([&](store::Tx& tx) -> Result<bool> {
      store::PutEndpoint(tx, state);
      return true;
    }));
  };
  On([this] { core_->SetPause("it is gone", Now()); });
  for (const store::EndpointState& said : {store::EndpointState{"hook", true, "mine", "f", true, 5},
                                           store::EndpointState{"hook", false, "", "f", false, 8}}) {
    put(said);
    runner_.Await(runner_.Start(settler_->StorePause("it is gone", 7)));
    EXPECT_EQ(stored(), said);
  }
  On([this] { core_->SetPause({}, Now()); });
  put({"hook", false, "", "f", false, 0});
  runner_.Await(runner_.Start(settler_->StorePause("it is gone", 7)));
  EXPECT_FALSE(stored().paused) << "it is over";
}

TEST_F(SettlerTest, AnExpiryThatIsRefusedChangesNothingAndCanBeDoneLater) {
  ASSERT_TRUE(runner_.Await(Flush()));
  On([this] { core_->Stop(true); });
  const bool never = false;
  Refuse("cursors");
  EXPECT_FALSE(runner_.Run(settler_->Expire(5, never)));
  Permit("cursors");
  EXPECT_EQ(Parked().size(), 1u);
  EXPECT_EQ(On([this] { return core_->pending(); }), 1);
  const auto expired = runner_.Run(settler_->Expire(5, never));
  ASSERT_TRUE(expired);
  EXPECT_EQ(expired->events, 1);
  EXPECT_TRUE(Parked().empty());
  EXPECT_EQ(On([this] { return core_->pending(); }), 0);
  EXPECT_EQ(*runner_.Run(settler_->CountDead()), 2);
}

// As a process would meet it whose cursors another has taken over.
TEST_F(SettlerTest, ACursorThatAnotherHoldsIsLostAtOnceAndNothingIsWritten) {
  TakeAway();
  EXPECT_FALSE(runner_.Await(Flush()));
  EXPECT_TRUE(settler_->lost());
  CheckNothingStored();
  Sql("UPDATE cursors SET holder=holder-1");
  EXPECT_FALSE(runner_.Run(settler_->FlushEverything())) << "what it knows of the cursor is no longer true";
  CheckNothingStored();
  EXPECT_EQ(Count(Lines(), "could not be settled"), 0) << "its owner says it once";
}

TEST_F(SettlerTest, ACursorThatAnotherHasSettledIsLost) {
  Sql("UPDATE cursors SET settlements=settlements+2, settled_through=4");
  EXPECT_FALSE(runner_.Await(Flush()));
  EXPECT_TRUE(settler_->lost());
  EXPECT_EQ(Stored().settled_through, 4);
  EXPECT_TRUE(Dead().empty());
}

TEST_F(SettlerTest, ACursorThatIsGoneIsLost) {
  Sql("DELETE FROM cursors");
  EXPECT_FALSE(runner_.Await(Flush()));
  EXPECT_TRUE(settler_->lost());
}

TEST_F(SettlerTest, AnExpiryFindsOutAsWell) {
  ASSERT_TRUE(runner_.Await(Flush()));
  On([this] { core_->Stop(true); });
  TakeAway();
  const bool never = false;
  EXPECT_FALSE(runner_.Run(settler_->Expire(3, never)));
  EXPECT_TRUE(settler_->lost());
  EXPECT_EQ(Parked().size(), 1u);
}

}  // namespace
}  // namespace portcall::broker
