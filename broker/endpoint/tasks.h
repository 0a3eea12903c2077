#pragma once

#include <functional>
#include <utility>

#include "runtime/gate.h"

namespace portcall::broker {

// How a part of a runner starts its tasks: inside the runner's gate, which must outlive them. A task calls `ended`
// last, so that the runner does what has become possible. Once `called_off` is set, reads of the log come to their end.
struct Tasks {
  Executor executor;
  runtime::Gate& gate;
  std::function<void()> ended;
  const bool& called_off;

  bool Start(Task<> task) const { return runtime::Spawn(executor, gate, std::move(task)); }
  // For one task at a time: the flag is set before the start, because the task may end before Start returns; the task
  // clears it.
  void Start(bool& running, Task<> task) const {
    running = true;
    if (!Start(std::move(task))) running = false;
  }
};

}  // namespace portcall::broker
