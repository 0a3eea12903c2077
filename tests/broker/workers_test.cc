#include "broker/endpoint/workers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/broker/manual_sink.h"
#include "tests/broker/shell_test.h"

namespace portcall::broker {
namespace {

using namespace std::chrono_literals;
using Seqs = std::vector<store::Seq>;

class WorkersTest : public ShellTest {
 protected:
  // Five events of five repositories; three attempts at a time.
  void SetUp() override {
    for (int i = 0; i < 5; ++i) world_.Append("repo" + std::to_string(i));
    config::Endpoint entry = Entry();
    entry.concurrency = 3;
    Open(entry);
    On([this] {
      Workers::Calls calls{[this](const Attempt& attempt, const sinks::Outcome& outcome) {
                             ended_.push_back(attempt.event->seq);
                             events_.push_back(attempt.event);
                             core_->OnOutcome(attempt, outcome, Now());
                           },
                           [this](const Attempt& attempt, const sinks::Outcome& outcome) {
                             let_go_.push_back(attempt);
                             core_->OnLetGo(attempt, outcome, Now());
                           }};
      workers_ = std::make_unique<Workers>(runner_.executor(), world_.clock(), *core_, sink_, gate_, std::move(calls));
      Feed();
      workers_->Start(Now());
    });
  }
  void TearDown() override {
    if (!drained_) runner_.Run(workers_->Drain(0ms));
    ShellTest::TearDown();
  }
  void Answer(store::Seq seq, const sinks::Outcome& outcome = Receiver::Accept()) {
    On([&] { sink_.End(seq, outcome); });
    On([] {});  // the attempt's coroutine has gone on
  }
  Seqs Flying() {
    return On([this] { return sink_.flying(); });
  }
  bool Eventually(const std::function<bool()>& condition) {
    return world_.Eventually([&] { return On(condition); });
  }
  std::int64_t Pending() {
    return On([this] { return core_->pending(); });
  }
  static Task<> Passed(Timer& timer) { co_await timer.async_wait(nothrow); }
  ManualSink sink_;
  std::unique_ptr<Workers> workers_;
  Seqs ended_;
  std::vector<std::weak_ptr<const store::Event>> events_;  // of those that ended
  std::vector<Attempt> let_go_;
  bool drained_ = false;
};

TEST_F(WorkersTest, AttemptsGoOutInTurnAsManyAsTheWindowIsWide) {
  EXPECT_EQ(Flying(), (Seqs{1, 2, 3}));
  Answer(2);
  EXPECT_TRUE(Eventually([this] { return sink_.flying() == Seqs{1, 3, 4}; }));
  Answer(1);
  Answer(3);
  EXPECT_TRUE(Eventually([this] { return sink_.flying() == Seqs{4, 5}; }));
  EXPECT_EQ(ended_, (Seqs{2, 1, 3}));
  EXPECT_EQ(Pending(), 2);
}

TEST_F(WorkersTest, WorkersThatRestTakeWhatComesLaterInTurn) {
  for (store::Seq seq = 1; seq <= 5; ++seq) Answer(seq);
  ASSERT_TRUE(Eventually([this] { return ended_.size() == 5; }));
  for (int i = 0; i < 3; ++i) world_.Append("late" + std::to_string(i));
  On([this] {
    Feed();
    workers_->Start(Now());
  });
  ASSERT_TRUE(Eventually([this] { return sink_.flying().size() == 3; }));
  EXPECT_EQ(Flying(), (Seqs{6, 7, 8}));
}

TEST_F(WorkersTest, WorkersThatRestKeepNoEvent) {
  for (store::Seq seq = 1; seq <= 5; ++seq) Answer(seq);
  ASSERT_TRUE(Eventually([this] { return ended_.size() == 5; }));
  EXPECT_TRUE(
      Eventually([this] { return std::ranges::all_of(events_, [](const auto& event) { return event.expired(); }); }));
}

TEST_F(WorkersTest, WhatWeEndDoesNotCountAndIsAskedToEndUntilItDoes) {
  On([this] {
    sink_.deaf = 2;
    core_->Stop(true);
    workers_->LetGoAfter(0ms);
  });
  ASSERT_TRUE(Eventually([this] { return core_->in_flight() == 0; }));
  EXPECT_EQ(sink_.interrupts, 3);
  EXPECT_EQ(let_go_.size(), 3u);
  EXPECT_TRUE(ended_.empty());
  EXPECT_FALSE(On([this] { return core_->pace().failing(); }));
  EXPECT_EQ(Pending(), 5);
}

TEST_F(WorkersTest, WhatEndsByItselfInTimeCounts) {
  On([this] {
    core_->Stop(true);
    workers_->LetGoAfter(1h);
  });
  Answer(1);
  Answer(2, Receiver::Fail());
  EXPECT_TRUE(Eventually([this] { return ended_ == Seqs{1, 2}; }));
  EXPECT_EQ(Pending(), 4);
}

TEST_F(WorkersTest, ALateAnswerOfAnAttemptThatWasLetGoCountsOnce) {
  On([this] {
    sink_.deaf = 1'000;
    core_->Stop(true);
    workers_->LetGoAfter(0ms);
  });
  ASSERT_TRUE(Eventually([this] { return sink_.interrupts > 0; }));
  Answer(1);  // it had arrived nevertheless
  EXPECT_TRUE(Eventually([this] { return ended_ == Seqs{1}; }));
  EXPECT_EQ(Pending(), 4);
  On([this] { sink_.deaf = 0; });
  ASSERT_TRUE(Eventually([this] { return let_go_.size() == 2; }));
  const Attempt gone = let_go_.front();
  On([&] {
    workers_->KeepOn();
    core_->Stop(false);
    core_->OnOutcome(gone, Receiver::Accept(), Now());  // nobody waits for it any more
  });
  EXPECT_EQ(Pending(), 4);
}

TEST_F(WorkersTest, AfterwardsAFailureIsAFailureAgain) {
  On([this] {
    core_->Stop(true);
    workers_->LetGoAfter(0ms);
  });
  ASSERT_TRUE(Eventually([this] { return let_go_.size() == 3; }));
  On([this] {
    workers_->KeepOn();
    core_->Stop(false);
    workers_->Start(Now());
  });
  ASSERT_TRUE(Eventually([this] { return sink_.flying() == Seqs{4, 5}; }));
  Answer(4, {});
  EXPECT_TRUE(Eventually([this] { return ended_ == Seqs{4}; }));
  EXPECT_TRUE(On([this] { return core_->pace().failing(); }));
}

TEST_F(WorkersTest, AnEndpointThatGoesOnKeepsItsAttempts) {
  On([this] {
    workers_->LetGoAfter(50ms);
    workers_->KeepOn();
  });
  Timer timer(runner_.executor(), 100ms);
  runner_.Run(Passed(timer));
  EXPECT_EQ(sink_.interrupts, 0);
  EXPECT_EQ(Flying().size(), 3u);
}

TEST_F(WorkersTest, AStopEndsWhatHasNotEndedAfterItsGraceAndBeginsNothing) {
  On([this] { core_->Stop(true); });
  auto drained = runner_.Start(workers_->Drain(50ms));
  Answer(1);
  runner_.Await(std::move(drained));
  drained_ = true;
  EXPECT_EQ(ended_, Seqs{1});
  EXPECT_EQ(let_go_.size(), 2u);
  EXPECT_GE(sink_.aborts, 1);
  EXPECT_EQ(sink_.delivers, 3);
  EXPECT_EQ(Pending(), 4);
}

TEST_F(WorkersTest, AStopWaitsForNoneThatRest) {
  for (store::Seq seq = 1; seq <= 5; ++seq) Answer(seq);
  ASSERT_TRUE(Eventually([this] { return ended_.size() == 5; }));
  On([this] { core_->Stop(true); });
  runner_.Run(workers_->Drain(1h));
  drained_ = true;
  EXPECT_EQ(sink_.aborts, 0);
}

TEST_F(WorkersTest, NobodyWaitsForADestinationThatIsAway) {
  EXPECT_EQ(workers_->Patience(3s), 3s);
  On([this] { sink_.trouble = "no broker answers"; });
  EXPECT_EQ(workers_->Patience(3s), 0s);
  On([this] { core_->Stop(true); });
  runner_.Run(workers_->Drain(1h));
  drained_ = true;
  EXPECT_EQ(let_go_.size(), 3u);
}

}  // namespace
}  // namespace portcall::broker
