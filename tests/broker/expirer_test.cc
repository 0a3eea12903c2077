#include "broker/endpoint/expirer.h"

#include <gtest/gtest.h>

#include "tests/broker/manual_sink.h"
#include "tests/broker/shell_test.h"

namespace portcall::broker {
namespace {

using namespace std::chrono_literals;
using Seqs = std::vector<store::Seq>;

class ExpirerTest : public ShellTest {
 protected:
  // Five events of five repositories, three of them under way.
  void Begin(Expirer::Patience patience, const std::function<void(config::Endpoint&)>& change = {}) {
    for (int i = 0; i < 5; ++i) world_.Append("repo" + std::to_string(i));
    config::Endpoint entry = Entry();
    entry.concurrency = 3;
    if (change) change(entry);
    Open(entry);
    On([&] {
      reporter_ = std::make_unique<Reporter>(log_, metrics_, entry_, *core_, Reporter::Begin{});
      settler_ = std::make_unique<Settler>(around_, entry_, *core_, cursor_, stage_);
      const auto drive = [this] { Drive(); };
      counter_ = std::make_unique<Counter>(around_, entry_, *core_, TasksOf(drive), stage_,
                                           Counter::Calls{[](const store::Event&) {}, [] {}});
      feeder_ = std::make_unique<Feeder>(around_, entry_, *core_, TasksOf(drive), std::nullopt);
      workers_ = std::make_unique<Workers>(runner_.executor(), world_.clock(), *core_, sink_, gate_, CallsOf());
      expirer_ = std::make_unique<Expirer>(
          around_, entry_, Expirer::Parts{*core_, *workers_, *settler_, *feeder_, *counter_, *reporter_}, gate_, stage_,
          drive, patience);
      Drive();
    });
    ASSERT_TRUE(Eventually([this] { return sink_.flying() == Seqs{1, 2, 3}; }));
  }
  void TearDown() override {
    On([this] {
      stage_ = Stage::kDraining;
      core_->Stop(true);
      expirer_->CallOff();
    });
    runner_.Run(workers_->Drain(0ms));
    ShellTest::TearDown();
  }
  Workers::Calls CallsOf() {
    return {[this](const Attempt& attempt, const sinks::Outcome& outcome) {
              core_->OnOutcome(attempt, outcome, Now());
              DriveSoon();
            },
            [this](const Attempt& attempt, const sinks::Outcome& outcome) {
              core_->OnLetGo(attempt, outcome, Now());
              DriveSoon();
            }};
  }
  void DriveSoon() {
    asio::post(runner_.executor(), [this, pass = gate_.Enter()] { Drive(); });
  }
  void Drive() {
    core_->Grown(ring_.head());
    if (Delivers(stage_)) {
      counter_->Count(Now());
      feeder_->Feed(Now());
      feeder_->ReadLanes(Now());
    }
    workers_->Start(Now());
    const bool everything = stage_ == Stage::kEnding && core_->in_flight() == 0;
    if (stage_ != Stage::kQuiet && !settler_->expiring()) {
      if (auto due = core_->TakeSettlement(Now(), everything)) {
        runtime::Spawn(runner_.executor(), gate_, Flush(std::move(*due)));
      }
    }
    expirer_->Look();
  }
  Task<> Flush(store::Settlement settlement) {
    if (co_await settler_->Flush(std::move(settlement))) Drive();
  }
  std::future<void> Expire(store::Seq through = 3) { return runner_.Start(expirer_->Expire(through)); }
  bool Eventually(const std::function<bool()>& condition) {
    return world_.Eventually([&] { return On(condition); });
  }
  bool Ending() {
    return Eventually([this] { return stage_ == Stage::kEnding; });
  }
  void Answer(store::Seq seq) {
    On([&] { sink_.End(seq, Receiver::Accept()); });
  }
  // Deliveries go on: what is under way now, in turn.
  bool GoesOnWith(const Seqs& flying) {
    return Eventually([&] { return stage_ == Stage::kRunning && sink_.flying() == flying; });
  }
  ManualSink sink_;
  std::unique_ptr<Reporter> reporter_;
  std::unique_ptr<Settler> settler_;
  std::unique_ptr<Counter> counter_;
  std::unique_ptr<Feeder> feeder_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<Expirer> expirer_;
};

TEST_F(ExpirerTest, WhatIsUnsettledExpiresAsOneRangeAndDeliveriesGoOn) {
  Begin({.attempts = 0ms});
  runner_.Await(Expire());
  ASSERT_EQ(Dead().size(), 1u);
  EXPECT_EQ(Dead()[0].event.seq, 1);
  EXPECT_EQ(Dead()[0].through, 3);
  EXPECT_EQ(Dead()[0].events, 3);
  EXPECT_TRUE(GoesOnWith({4, 5}));
  EXPECT_EQ(On([this] { return reporter_->Status(std::nullopt).dead_letters; }), 1);
  EXPECT_EQ(Count(Lines(), "events expired undelivered"), 1);
}

TEST_F(ExpirerTest, WhatIsDeliveredInTimeDoesNotExpire) {
  Begin({.attempts = 1h});
  auto expired = Expire();
  ASSERT_TRUE(Ending());
  for (const store::Seq seq : {1, 2, 3}) Answer(seq);
  runner_.Await(std::move(expired));
  EXPECT_TRUE(Dead().empty());
  EXPECT_EQ(Stored().settled, 3);
  EXPECT_TRUE(GoesOnWith({4, 5}));
}

TEST_F(ExpirerTest, NothingBeginsMeanwhile) {
  Begin({.attempts = 1h});
  auto expired = Expire();
  ASSERT_TRUE(Ending());
  Answer(1);
  ASSERT_TRUE(Eventually([this] { return core_->in_flight() == 2; }));
  world_.Append("late");
  On([this] { Drive(); });
  EXPECT_EQ(sink_.delivers, 3);
  On([this] { expirer_->CallOff(); });
  runner_.Await(std::move(expired));
  EXPECT_TRUE(GoesOnWith({2, 3, 4}));
}

TEST_F(ExpirerTest, AttemptsThatNeverEndHoldUpNobody) {
  Begin({.attempts = 0ms, .store = 100ms});
  On([this] { sink_.deaf = 1'000'000; });
  runner_.Await(Expire());
  EXPECT_TRUE(Dead().empty());
  EXPECT_TRUE(GoesOnWith({1, 2, 3}));
  EXPECT_EQ(Count(Lines(), "events could not expire yet"), 1);
}

TEST_F(ExpirerTest, ADatabaseThatRefusesHoldsUpNobody) {
  Begin({.attempts = 0ms, .store = 100ms});
  Refuse("cursors");
  runner_.Await(Expire());
  Permit("cursors");
  EXPECT_TRUE(Dead().empty());
  EXPECT_TRUE(Eventually([this] { return stage_ == Stage::kRunning && sink_.flying().size() == 3; }));
  EXPECT_EQ(On([this] { return core_->pending(); }), 5);
}

TEST_F(ExpirerTest, ACallOffEndsItAtOnce) {
  Begin({.attempts = 1h});
  auto expired = Expire();
  ASSERT_TRUE(Ending());
  On([this] { expirer_->CallOff(); });
  runner_.Await(std::move(expired));
  EXPECT_TRUE(Dead().empty());
  EXPECT_TRUE(GoesOnWith({1, 2, 3}));
}

TEST_F(ExpirerTest, AStopEndsItAtOnceAndStays) {
  Begin({.attempts = 1h});
  auto expired = Expire();
  ASSERT_TRUE(Ending());
  On([this] {
    stage_ = Stage::kDraining;
    expirer_->CallOff();
  });
  runner_.Await(std::move(expired));
  EXPECT_EQ(On([this] { return stage_; }), Stage::kDraining);
  EXPECT_TRUE(On([this] { return Claim().empty(); }));
  EXPECT_TRUE(Dead().empty());
}

TEST_F(ExpirerTest, OnlyARunningEndpointIsAsked) {
  Begin({.attempts = 0ms});
  for (const Stage stage : {Stage::kStarting, Stage::kEnding, Stage::kQuiet, Stage::kLost, Stage::kDraining}) {
    On([&] { stage_ = stage; });
    runner_.Await(Expire());
    EXPECT_EQ(On([this] { return stage_; }), stage);
  }
  EXPECT_EQ(sink_.interrupts, 0);
  EXPECT_TRUE(Dead().empty());
}

TEST_F(ExpirerTest, ACursorThatAnotherHasTakenIsLeftAlone) {
  Begin({.attempts = 0ms});
  Sql("UPDATE cursors SET holder=holder+1");
  runner_.Await(Expire());
  EXPECT_TRUE(On([this] { return settler_->lost(); }));
  EXPECT_TRUE(Dead().empty());
}

TEST_F(ExpirerTest, WhatMustNotBeRepeatedHasItsWholeTimeout) {
  Begin({.attempts = 0ms}, [](config::Endpoint& entry) {
    entry.retry_on_timeout = false;
    entry.timeout = 300ms;
  });
  const auto begun = std::chrono::steady_clock::now();
  runner_.Await(Expire());
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 300ms);
  EXPECT_EQ(Dead().size(), 3u) << "each by itself: outcome unknown";
}

}  // namespace
}  // namespace portcall::broker
