#include "broker/figures.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "tests/support/loop_runner.h"

namespace portcall::broker {
namespace {

using namespace std::chrono_literals;

Figures::Look LookWith(std::int64_t pending, bool counted = true) {
  EndpointStatus status;
  status.pending = pending;
  return {{status}, counted};
}

std::int64_t Pending(Figures& figures) {
  const auto all = figures.Fresh();
  return all.empty() ? -1 : all[0].pending;
}

class FiguresTest : public ::testing::Test {
 protected:
  testing::LoopRunner runner_;
  std::atomic<int> looks_ = 0;
};

TEST_F(FiguresTest, AreLookedUpEachTime) {
  Figures figures(runner_.executor(), [this] { return LookWith(++looks_); });
  EXPECT_EQ(Pending(figures), 1);
  EXPECT_EQ(Pending(figures), 2);
}

TEST_F(FiguresTest, AreTheLastOnesWhereTheLoopIsStuck) {
  Figures figures(runner_.executor(), [this] { return LookWith(++looks_); }, {20ms, 1'000ms});
  EXPECT_EQ(Pending(figures), 1);
  std::promise<void> release;
  asio::post(runner_.executor(), [stuck = release.get_future().share()] { stuck.wait(); });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Pending(figures), 1);
  release.set_value();
  runner_.Call([] {});
  EXPECT_EQ(looks_, 1) << "nobody waits for what was asked meanwhile";
  EXPECT_EQ(Pending(figures), 2);
}

TEST_F(FiguresTest, WaitForEventsThatAreBeingCounted) {
  Figures figures(runner_.executor(), [this] { return LookWith(++looks_, looks_ >= 4); });
  EXPECT_EQ(Pending(figures), 4);
}

TEST_F(FiguresTest, DoNotWaitForeverForEventsThatCannotBeCounted) {
  Figures figures(runner_.executor(), [this] { return LookWith(++looks_, false); }, {5'000ms, 30ms});
  EXPECT_GE(Pending(figures), 1);
}

}  // namespace
}  // namespace portcall::broker
