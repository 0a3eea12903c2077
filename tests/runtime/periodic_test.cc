#include "runtime/periodic.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace portcall::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Periodic, ComesRoundUntilItIsStopped) {
  runtime::Loop loop("test");
  std::atomic<int> runs = 0;
  std::promise<void> thrice;
  Periodic periodic(loop);
  periodic.Every(0ms, 1ms, [&]() -> Task<> {
    if (++runs == 3) thrice.set_value();
    co_return;
  });
  ASSERT_EQ(thrice.get_future().wait_for(10s), std::future_status::ready);
  periodic.Stop();
  const int after = runs;
  std::promise<void> flushed;
  asio::post(loop.context(), [&] { flushed.set_value(); });
  flushed.get_future().wait();
  EXPECT_EQ(runs, after);
}

TEST(Periodic, StopDoesNotWaitForTheNextTurn) {
  runtime::Loop loop("test");
  Periodic periodic(loop);
  periodic.Every(1h, 1h, []() -> Task<> { co_return; });
  const auto started = std::chrono::steady_clock::now();
  periodic.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - started, 10s);
}

}  // namespace
}  // namespace portcall::runtime
