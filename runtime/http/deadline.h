#pragma once

#include <chrono>
#include <memory>

#include "runtime/timer.h"

namespace portcall::http {

// A deadline that costs a comparison to move, for streams that set one at every step and rarely miss it. Only a sooner
// deadline restarts the timer; when it was moved later or cleared, the timer still fires at the old time and checks. It
// never calls OnDeadline() early. Lives on one loop, which it must not outlive.
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
  Time looks_at_ = Time::max();  // when the timer fires; max: it is not running
  // A timer that has fired cannot be cancelled: its queued handler sees from this that the Deadline is gone.
  std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace portcall::http
