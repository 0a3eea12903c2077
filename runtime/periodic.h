#pragma once

#include <chrono>
#include <functional>
#include <stop_token>

#include "runtime/gate.h"
#include "runtime/loops.h"

namespace portcall::runtime {

// Work repeated on one loop: the next run starts an interval after the last one ended.
class Periodic {
 public:
  using Work = std::function<Task<>()>;

  explicit Periodic(Loop& loop) : loop_(loop) {}
  ~Periodic() { Stop(); }

  // From any thread; after Stop it does nothing. `work` must stay callable until Stop has returned.
  void Every(std::chrono::milliseconds first, std::chrono::milliseconds interval, Work work);
  // Lets work under way end and starts none. Blocks; not on the loop.
  void Stop();
  // Says that Stop was called: for work that takes long.
  std::stop_token stopping() const { return stopping_.get_token(); }

 private:
  Task<> CloseAndDrain();
  Loop& loop_;
  Gate gate_;  // used on the loop only
  std::stop_source stopping_;
};

}  // namespace portcall::runtime
