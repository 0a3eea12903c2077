#include "app/server/signals.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <optional>
#include <system_error>

namespace portcall::app {
namespace {

sigset_t Ours() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

std::optional<sigset_t> before;  // what was blocked when they were held

}  // namespace

void HoldSignals() {
  const sigset_t set = Ours();
  sigset_t blocked;
  if (pthread_sigmask(SIG_BLOCK, &set, &blocked) == 0) before = blocked;
}

void LetSignalsThrough() {
  if (before) pthread_sigmask(SIG_SETMASK, &*before, nullptr);
  before.reset();
}

Signals::Signals() {
  const sigset_t set = Ours();
  if (const int failed = pthread_sigmask(SIG_BLOCK, &set, nullptr); failed != 0) {
    throw std::system_error(failed, std::generic_category(), "pthread_sigmask");
  }
}

std::optional<int> Signals::Wait(std::chrono::milliseconds patience) const {
  const sigset_t set = Ours();
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::max(std::chrono::steady_clock::duration::zero(), until - std::chrono::steady_clock::now());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    timespec wait{seconds.count(), std::chrono::nanoseconds(left - seconds).count()};
    if (const int signal = sigtimedwait(&set, nullptr, &wait); signal > 0) return signal;
    if (errno != EINTR) return std::nullopt;
  }
}

}  // namespace portcall::app
