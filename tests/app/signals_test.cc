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

}  // namespace
}  // namespace portcall::app
