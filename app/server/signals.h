#pragma once

#include <chrono>
#include <optional>

namespace portcall::app {

// Keeps SIGTERM, SIGINT and SIGHUP pending from the first moment of the process, so that none does what the system does
// by default before Signals takes it. Call it first in main; a command that takes no signals lets them through again.
void HoldSignals();
void LetSignalsThrough();

// SIGTERM, SIGINT and SIGHUP as values that a thread waits for. They are blocked from construction on, in this thread
// and every thread it starts: make it before any other thread.
class Signals {
 public:
  Signals();
  // The next signal, at once when one is pending; none when `patience` passes before.
  std::optional<int> Wait(std::chrono::milliseconds patience) const;
};

}  // namespace portcall::app
