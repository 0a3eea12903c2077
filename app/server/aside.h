#pragma once

#include <chrono>
#include <functional>
#include <future>

#include "runtime/result.h"

namespace portcall::app {

// One job at a time on a thread of its own, so that its owner goes on where the job waits for what never answers. What
// the job uses lives until it is over: Await it before that goes. One thread, which is no loop.
class Aside {
 public:
  ~Aside() {
    if (job_.valid()) job_.wait();
  }
  // kConflict: the one before is not over; kUnavailable: the system gives no thread.
  Result<void> Start(std::function<void()> job);
  bool OverWithin(std::chrono::milliseconds patience);  // true also where there is none
  void Await();

 private:
  std::future<void> job_;
};

}  // namespace portcall::app
