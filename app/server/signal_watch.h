#pragma once

#include <chrono>
#include <optional>
#include <thread>

#include "app/server/signals.h"
#include "runtime/clock.h"
#include "runtime/log.h"
#include "runtime/mutex.h"

namespace portcall::app {

// Takes signals in a thread of its own from construction on, so that the time of a stop is noted when it is asked for,
// even if the process is busy. A second one, or a shutdown longer than `patience`, ends the process at once with 1.
// `signals` and `log` must outlive it.
class SignalWatch {
 public:
  SignalWatch(const Signals& signals, std::chrono::milliseconds patience, runtime::Log& log);

  // Waits until then for a signal. False: none has come that Await() has not told. One thread.
  bool ComesBefore(runtime::SteadyTime until);

  // Waits for a signal. Nothing: a reload is wanted; else the time at which a stop was asked for. One thread.
  std::optional<runtime::SteadyTime> Await();

  bool StopIsWanted();  // now, whether or not Await() has told

 private:
  void Watch(const std::stop_token& stop);
  void Tell(bool to_stop);

  const Signals& signals_;
  const std::chrono::milliseconds patience_;
  runtime::Log& log_;
  runtime::Mutex mutex_;
  runtime::CondVar came_;
  bool untold_ GUARDED_BY(mutex_) = false;
  std::optional<runtime::SteadyTime> told_ GUARDED_BY(mutex_);  // `asked_`, for Await
  std::optional<runtime::SteadyTime> asked_;                    // of the thread
  std::jthread thread_;
};

}  // namespace portcall::app
