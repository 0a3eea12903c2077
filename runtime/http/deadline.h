#pragma once

#include <chrono>
#include <memory>

#include "runtime/timer.h"

namespace portcall::http {

// A deadline that costs a comparison to move: for what sets one at every step and rarely misses it. It never fires
// early. The timer below is set anew only for a sooner deadline; one that was moved later or cleared still costs the
// loop one look at its old time. Lives on one loop, which it must not outlive.
class Deadline {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Deadline(asio::io_context& context) : timer_(context) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void Set(Time when);
  void Clear() { when_ = Time::max(); }

 protected:
  ~Deadline() = default;
  // On the loop, never within Set(); the deadline is clear by then, and may be set again or destroyed.
  virtual void OnDeadline() = 0;

 private:
  void Wait();
  void Look();

  Timer timer_;
  Time when_ = Time::max();
  Time looks_at_ = Time::max();  // the end of the timer's wait; max: it does not wait
  // A wait that has ended is past cancelling: what it left in the loop's queue finds out from this.
  std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace portcall::http
