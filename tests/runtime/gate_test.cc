#include "runtime/gate.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/loop_runner.h"

namespace portcall::runtime {
namespace {

using testing::LoopRunner;

TEST(GateTest, DrainedReturnsWhenTheLastPassIsGone) {
  LoopRunner runner;
  Gate gate;
  Gate::Pass pass = runner.Call([&] { return gate.Enter(); });
  auto drained = runner.Start(gate.Drained());
  runner.Call([&] { gate.Close(); });
  EXPECT_EQ(drained.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  runner.Call([&] { Gate::Pass leave = std::move(pass); });
  LoopRunner::Await(std::move(drained));
}

TEST(GateTest, ClosingRefusesNewWorkAndTellsTheRestOnce) {
  LoopRunner runner;
  Gate gate;
  int told = 0;
  runner.Call([&] {
    Gate::Pass pass = gate.Enter([&] { ++told; });
    EXPECT_EQ(gate.inside(), 1U);
    gate.Close();
    gate.Close();
    EXPECT_FALSE(gate.Enter());
    EXPECT_TRUE(gate.closed());
  });
  EXPECT_EQ(told, 1);
  runner.Run(gate.Drained());
}

TEST(GateTest, APassMayLeaveWhileTheGateCloses) {
  LoopRunner runner;
  Gate gate;
  runner.Call([&] {
    Gate::Pass other = gate.Enter();
    Gate::Pass pass = gate.Enter([&] { Gate::Pass leave = std::move(other); });
    gate.Close();
    EXPECT_EQ(gate.inside(), 1U);
  });
}

TEST(GateTest, WhoHasLeftWhileTheGateClosesIsNotTold) {
  LoopRunner runner;
  Gate gate;
  int told = 0;
  runner.Call([&] {
    Gate::Pass first, second;
    first = gate.Enter([&] {
      ++told;
      Gate::Pass leave = std::move(second);
    });
    second = gate.Enter([&] {
      ++told;
      Gate::Pass leave = std::move(first);
    });
    gate.Close();
    EXPECT_EQ(gate.inside(), 1U);
  });
  EXPECT_EQ(told, 1);
  runner.Run(gate.Drained());
}

Task<> SetAfterWake(Resume<bool>& wake, bool& done) {
  co_await Suspend<bool>([&wake](Resume<bool> resume) { wake = std::move(resume); });
  done = true;
}

TEST(GateTest, SpawnedWorkIsInsideUntilItEnds) {
  LoopRunner runner;
  Gate gate;
  Resume<bool> wake;
  bool done = false;
  runner.Call([&] { EXPECT_TRUE(Spawn(runner.executor(), gate, SetAfterWake(wake, done), [&] { wake(true); })); });
  runner.Call([&] {
    EXPECT_EQ(gate.inside(), 1U);
    gate.Close();
  });
  runner.Run(gate.Drained());
  EXPECT_TRUE(done);
  runner.Call([&] { EXPECT_FALSE(Spawn(runner.executor(), gate, SetAfterWake(wake, done))); });
}

Task<> Throw() {
  throw std::runtime_error("a bug");
  co_return;
}

TEST(GateDeathTest, AnExceptionThatLeavesATaskEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        LoopRunner runner;
        Gate gate;
        runner.Call([&] { Spawn(runner.executor(), gate, Throw()); });
        runner.Run(gate.Drained());
      },
      "a task ended with an exception: a bug");
}

}  // namespace
}  // namespace portcall::runtime
