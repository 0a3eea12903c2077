#include "app/server/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace portcall::app {
namespace {

using namespace std::chrono_literals;

TEST(Signals, ComeAsValues) {
  const Signals signals;
  EXPECT_EQ(signals.Wait(0ms), std::nullopt);
  kill(getpid(), SIGHUP);
  EXPECT_EQ(signals.Wait(10s), SIGHUP);
  kill(getpid(), SIGTERM);
  EXPECT_EQ(signals.Wait(10s), SIGTERM);
  EXPECT_EQ(signals.Wait(0ms), std::nullopt);
}

TEST(Signals, ThatComeBeforeAnybodyTakesThemAreKept) {
  HoldSignals();
  kill(getpid(), SIGHUP);
  EXPECT_EQ(Signals().Wait(10s), SIGHUP);
}

TEST(Signals, ThatNobodyTakesDoWhatTheyDoByDefault) {
  const auto hold = [] {
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, nullptr);  // other tests hold them, too
    HoldSignals();
    kill(getpid(), SIGTERM);
    LetSignalsThrough();
  };
  EXPECT_EXIT(hold(), ::testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace portcall::app
