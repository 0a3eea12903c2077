#pragma once

#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/task.h"

namespace portcall::runtime {

// One single-threaded io_context with its own thread. What lives on it is touched by that thread alone.
class Loop {
 public:
  explicit Loop(const char* thread_name);
  ~Loop();      // stops; pending handlers are destroyed
  void Stop();  // ends the thread, once its handler under way returns; what is pending stays
  asio::io_context& context() { return context_; }
  Executor executor() { return context_.get_executor(); }

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<Executor> work_;
  std::jthread thread_;
};

// The process's threads: `server` loops for connections (one per core), one loop for the broker, and a pool for what
// blocks (files, hashing, DNS, SQL reads).
class Loops {
 public:
  Loops(unsigned servers, unsigned pool_threads);
  // Lets the pool finish what it was given while the loops still run, because its jobs wake them. A job that comes too
  // late to run may hold timers of a loop, so the loops outlive the pool.
  ~Loops();
  std::size_t servers() const { return servers_.size(); }
  Loop& server(std::size_t i) { return *servers_[i]; }
  Loop& broker() { return *broker_; }
  asio::thread_pool& pool() { return pool_; }

 private:
  std::unique_ptr<Loop> broker_;
  std::vector<std::unique_ptr<Loop>> servers_;
  asio::thread_pool pool_;
};

// Runs `fn` on the pool and resumes the caller on its own loop with the value, or with the exception that `fn` threw.
// `fn` may hold references to the caller's locals: the caller is suspended meanwhile.
template <class F>
Task<std::invoke_result_t<F&>> RunOn(asio::thread_pool& pool, F fn) {
  using T = std::invoke_result_t<F&>;
  struct Outcome {
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> value;
    std::exception_ptr error;
  };
  auto start = [&pool, &fn](Resume<std::unique_ptr<Outcome>> resume) {
    asio::post(pool, [&fn, resume = std::move(resume)]() mutable {
      auto outcome = std::make_unique<Outcome>();
      try {
        if constexpr (std::is_void_v<T>) {
          fn();
          outcome->value = true;
        } else {
          outcome->value.emplace(fn());
        }
      } catch (...) {
        outcome->error = std::current_exception();
      }
      resume(std::move(outcome));
    });
  };
  std::unique_ptr<Outcome> outcome = co_await Suspend<std::unique_ptr<Outcome>>(start);
  if (outcome->error) std::rethrow_exception(outcome->error);
  if constexpr (!std::is_void_v<T>) co_return std::move(*outcome->value);
}

}  // namespace portcall::runtime
