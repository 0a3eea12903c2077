#pragma once

#include <chrono>
#include <optional>

namespace portcall::app {

// SIGTERM, SIGINT and SIGHUP as values that a thread waits for. They are blocked from construction on, in this thread
// and every thread it starts: make it before any other thread.
class Signals {
 public:
  Signals();
  // The next signal, at once when one is pending; none when `patience` passes before.
  std::optional<int> Wait(std::chrono::milliseconds patience) const;
};

}  // namespace portcall::app
