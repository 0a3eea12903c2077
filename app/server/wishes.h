#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "app/server/signals.h"
#include "runtime/clock.h"
#include "runtime/log.h"

namespace portcall::app {

// Takes signals in a thread of its own from construction on, so that a wish to stop counts from when it comes, whatever
// is under way then. A second one, or a first that is not followed within `patience`, ends the process at once with 1.
// `signals` and `log` outlive it.
class Wishes {
 public:
  Wishes(const Signals& signals, std::chrono::milliseconds patience, runtime::Log& log);

  // Waits for a wish. Nothing: to reload; else when the stop was asked for. One thread.
  std::optional<runtime::SteadyTime> Await();

 private:
  void Watch(const std::stop_token& stop);
  void Tell(bool to_stop);

  const Signals& signals_;
  const std::chrono::milliseconds patience_;
  runtime::Log& log_;
  std::mutex mutex_;
  std::condition_variable came_;
  bool untold_ = false;
  std::optional<runtime::SteadyTime> asked_;  // written by the thread alone
  std::jthread thread_;
};

}  // namespace portcall::app
