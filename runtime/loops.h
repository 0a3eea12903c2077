#pragma once

#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/lanes.h"
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

// The process's threads: `servers` loops for connections (one per core), one loop for the broker, and lanes for what
// blocks: each kind of work has threads of its own, so that one that is slow or stuck delays no other.
class Loops {
 public:
  // Queries at once; the store has as many readers.
  static constexpr unsigned kQueries = 4;

  // Pages at once that the debug server makes.
  static constexpr unsigned kPages = 2;

  Loops(unsigned servers, unsigned cores);
  // Lets the lanes finish what they were given while the loops still run, because their jobs wake them. A job that
  // comes too late to run may hold timers of a loop, so the loops outlive the lanes.
  ~Loops();
  std::size_t servers() const { return servers_.size(); }
  Loop& server(std::size_t i) { return *servers_[i]; }
  Loop& broker() { return *broker_; }
  // Blobs and uploads on their disk: opening, reading, writing with the hash of what comes, syncing.
  asio::thread_pool& files() { return files_; }
  // What computes for long: hashing what is stored already, taking large manifests apart.
  asio::thread_pool& hashing() { return hashing_; }
  asio::thread_pool& queries() { return queries_; }
  // Pages of the debug server: they wait for the broker's loop at most.
  asio::thread_pool& pages() { return pages_; }
  // What may never answer, each with a thread of its own: audit folders, files of sinks and of certificates, what
  // health checks look at, libraries that end.
  Lanes& lanes() { return lanes_; }

 private:
  std::unique_ptr<Loop> broker_;
  std::vector<std::unique_ptr<Loop>> servers_;
  asio::thread_pool files_, hashing_, queries_, pages_;
  Lanes lanes_;
};

// Runs `fn` on a lane of several threads and resumes the caller on its own loop with the value, or with the exception
// that `fn` threw. `fn` may hold references to the caller's locals: the caller is suspended meanwhile.
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
