#include "app/server/signal_watch.h"

#include <unistd.h>

#include <csignal>

namespace portcall::app {
namespace {

using Clock = std::chrono::steady_clock;

// A terminal, `timeout` and some supervisors signal the process and its group, so that one request to stop comes twice.
constexpr std::chrono::seconds kSameRequest(1);
// Between two looks at whether the thread is to end; while the process ends, at the clock.
constexpr std::chrono::milliseconds kLook(500), kLookAtTheEnd(50);

}  // namespace

SignalWatch::SignalWatch(const Signals& signals, std::chrono::milliseconds patience, runtime::Log& log)
    : signals_(signals),
      patience_(patience),
      log_(log),
      thread_([this](const std::stop_token& stop) { Watch(stop); }) {}

bool SignalWatch::ComesBefore(Clock::time_point until) {
  const runtime::MutexLock lock(mutex_);
  while (!untold_ && came_.WaitUntil(mutex_, until)) {
  }
  return untold_;
}

std::optional<Clock::time_point> SignalWatch::Await() {
  const runtime::MutexLock lock(mutex_);
  while (!untold_) came_.Wait(mutex_);
  untold_ = told_.has_value();  // a request to stop stays
  return told_;
}

bool SignalWatch::StopIsWanted() {
  const runtime::MutexLock lock(mutex_);
  return told_.has_value();
}

void SignalWatch::Watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto signal = signals_.Wait(asked_ ? kLookAtTheEnd : kLook);
    if (!asked_) {
      if (signal) Tell(*signal != SIGHUP);
      continue;
    }
    const auto since = Clock::now() - *asked_;
    const bool late = since >= patience_;
    const bool again = signal && *signal != SIGHUP && since >= kSameRequest;
    if (!late && !again) continue;
    log_.Write(runtime::Level::kFatal, late ? "the shutdown hangs, ending at once" : "second signal, ending at once");
    _exit(1);
  }
}

void SignalWatch::Tell(bool to_stop) {
  if (to_stop) asked_ = Clock::now();
  const runtime::MutexLock lock(mutex_);
  told_ = asked_;
  untold_ = true;
  came_.NotifyOne();
}

}  // namespace portcall::app
