#include "app/server/signal_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace portcall::app {
namespace {

using namespace std::chrono_literals;

class SignalWatchTest : public ::testing::Test {
 protected:
  const Signals signals_;
  runtime::Log log_{{runtime::Level::kFatal, "text", {}}};
};

TEST_F(SignalWatchTest, AStopCountsFromWhenItWasAskedFor) {
  SignalWatch watch(signals_, 1h, log_);
  kill(getpid(), SIGHUP);
  EXPECT_EQ(watch.Await(), std::nullopt);
  EXPECT_FALSE(watch.StopIsWanted());
  // While whoever waits for watch is busy with something that hangs.
  const auto before = std::chrono::steady_clock::now();
  kill(getpid(), SIGTERM);
  std::this_thread::sleep_for(300ms);
  const auto asked = watch.Await();
  ASSERT_TRUE(asked);
  EXPECT_LT(*asked - before, 250ms);
  EXPECT_EQ(watch.Await(), asked) << "it stays";
  EXPECT_TRUE(watch.StopIsWanted());
}

TEST_F(SignalWatchTest, WhatHangsIsEnded) {
  const auto hang = [this] {
    const SignalWatch watch(signals_, 100ms, log_);
    kill(getpid(), SIGTERM);
    std::this_thread::sleep_for(20s);
  };
  EXPECT_EXIT(hang(), ::testing::ExitedWithCode(1), "the shutdown hangs, ending at once");
}

}  // namespace
}  // namespace portcall::app
