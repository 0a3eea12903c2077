#include "runtime/loops.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/timer.h"
#include "tests/support/loop_runner.h"

namespace portcall::runtime {
namespace {

using testing::LoopRunner;

Task<std::string> Where(asio::thread_pool& pool) {
  const auto before = std::this_thread::get_id();
  const std::thread::id inside = co_await RunOn(pool, [] { return std::this_thread::get_id(); });
  co_return inside == before ? "the same thread" : before == std::this_thread::get_id() ? "there and back" : "astray";
}

Task<> Fail(asio::thread_pool& pool) {
  co_await RunOn(pool, [] { throw std::runtime_error("from the pool"); });
}

TEST(LoopsTest, RunOnGoesToThePoolAndComesBack) {
  LoopRunner runner;
  Loops loops(1, 1);
  EXPECT_EQ(runner.Run(Where(loops.pages())), "there and back");
}

TEST(LoopsTest, RunOnThrowsWhatTheFunctionThrew) {
  LoopRunner runner;
  Loops loops(1, 1);
  EXPECT_THROW(runner.Run(Fail(loops.pages())), std::runtime_error);
}

TEST(LoopsTest, ALaneThatIsStuckDelaysNoOther) {
  LoopRunner runner;
  Loops loops(1, 1);
  const std::vector<asio::thread_pool*> lanes{&loops.files(), &loops.hashing(), &loops.queries(), &loops.pages()};
  for (asio::thread_pool* stuck : lanes) {
    std::promise<void> until;
    const std::shared_future<void> held = until.get_future().share();
    for (int i = 0; i < 100; ++i) asio::post(*stuck, [held] { held.wait(); });
    for (asio::thread_pool* other : lanes) {
      if (other != stuck) EXPECT_EQ(runner.Run(Where(*other)), "there and back");
    }
    until.set_value();
  }
}

Task<> Sleepy(asio::thread_pool& pool, std::promise<void>& started, std::atomic<bool>& finished) {
  co_await RunOn(pool, [&] {
    started.set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  });
  finished = true;
}

TEST(LoopsTest, DestructionLetsThePoolFinishWhatItStarted) {
  std::atomic<bool> finished = false;
  std::promise<void> started;
  auto loops = std::make_unique<Loops>(2, 1);
  EXPECT_EQ(loops->servers(), 2U);
  asio::co_spawn(loops->server(0).executor(), Sleepy(loops->pages(), started, finished), [](std::exception_ptr) {});
  started.get_future().wait();
  loops.reset();  // must neither hang nor touch a loop that is gone
}

TEST(LoopsTest, ALateJobOfThePoolGoesWhileTheLoopsItMayUseStand) {
  struct Farewell {
    ~Farewell() { said.push_back(from); }
    std::vector<std::string>& said;
    std::string from;
  };
  std::vector<std::string> said;
  auto loops = std::make_unique<Loops>(1, 1);
  loops->broker().Stop();
  asio::post(loops->broker().executor(), [waiting = std::make_unique<Farewell>(said, "loop")] {});
  loops->pages().stop();
  asio::post(loops->pages(), [late = std::make_unique<Farewell>(said, "pool"),
                              timer = std::make_unique<Timer>(loops->broker().executor())] {});
  loops.reset();
  EXPECT_EQ(said, (std::vector<std::string>{"pool", "loop"}));
}

}  // namespace
}  // namespace portcall::runtime
