#pragma once

#include <chrono>
#include <future>
#include <type_traits>
#include <utility>

#include "runtime/gate.h"
#include "runtime/task.h"

namespace portcall::broker {

// Calls from other threads into the broker's loop, which wait for what they started there.
class LoopCalls {
 public:
  explicit LoopCalls(Executor loop) : loop_(std::move(loop)) {}

  template <class F>
  std::invoke_result_t<F&> On(F f) const {
    if (loop_.running_in_this_thread()) return f();
    std::packaged_task<std::invoke_result_t<F&>()> task(std::move(f));
    auto done = task.get_future();
    asio::post(loop_, std::move(task));
    return done.get();
  }
  // Waits for the end of a task. Not on the loop.
  void Run(Task<> task) const;
  // False: it has not ended within `patience`, and goes on, inside `gate`.
  bool RunFor(Task<> task, runtime::Gate& gate, std::chrono::milliseconds patience) const;

 private:
  std::future<void> Start(Task<> task, runtime::Gate& gate) const;
  const Executor loop_;
};

}  // namespace portcall::broker
