#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "runtime/loops.h"

namespace portcall::testing {

// A loop on its own thread, driven from the test's thread. What a late task uses must outlive the runner.
class LoopRunner {
 public:
  explicit LoopRunner(const char* name = "test") : loop_(name) {}
  runtime::Loop& loop() { return loop_; }
  Executor executor() { return loop_.executor(); }

  // For fixtures with a pool: joined before, destroyed after, as Loops does.
  void Stop() { loop_.Stop(); }

  // Starts `task` on the loop; the future gives its value, or throws what left it.
  template <class T>
  std::future<T> Start(Task<T> task) {
    auto promise = std::make_shared<std::promise<T>>();
    std::future<T> future = promise->get_future();
    asio::co_spawn(loop_.executor(), Deliver(std::move(task), std::move(promise)), [](std::exception_ptr) {});
    return future;
  }

  // Runs `task` on the loop and waits for its value; throws when `patience` passes before.
  template <class T>
  T Run(Task<T> task, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    return Await(Start(std::move(task)), patience);
  }

  // Calls a plain function on the loop's thread and waits for what it returns.
  template <class F>
  std::invoke_result_t<F&> Call(F fn, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    auto task = std::make_shared<std::packaged_task<std::invoke_result_t<F&>()>>(std::move(fn));
    auto future = task->get_future();
    asio::post(loop_.executor(), [task] { (*task)(); });
    return Await(std::move(future), patience);
  }

  template <class T>
  static T Await(std::future<T> future, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    if (future.wait_for(patience) != std::future_status::ready)
      throw std::runtime_error("the loop gave no answer in time");
    return future.get();
  }

 private:
  template <class T>
  static Task<> Deliver(Task<T> task, std::shared_ptr<std::promise<T>> promise) {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(task);
        promise->set_value();
      } else {
        promise->set_value(co_await std::move(task));
      }
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }

  runtime::Loop loop_;
};

}  // namespace portcall::testing
