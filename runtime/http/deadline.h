#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>

#include "runtime/timer.h"

namespace portcall::http {

class DeadlineWheel;

// A coarse deadline that costs two comparisons to move: for things that set one at every step and rarely miss it.
// Lives on one loop, which it must not outlive. It never fires early, and at most 25 ms late.
class Deadline : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Deadline(asio::io_context& context);
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void Set(Time when);
  void Clear() { when_ = Time::max(); }

 protected:
  ~Deadline() = default;
  // On the loop; the deadline is clear by then and may be set again. Must not destroy any Deadline.
  virtual void OnDeadline() = 0;

 private:
  friend class DeadlineWheel;
  DeadlineWheel& wheel_;
  Time when_ = Time::max();
  std::int64_t filed_ = 0;  // the tick at which the wheel looks at it next
};

// One per io_context: slots of 25 ms, visited by one timer that runs while any deadline is filed. A deadline that moved
// into the future is filed anew only when its old slot comes up.
class DeadlineWheel final : public asio::execution_context::service {
 public:
  using key_type = DeadlineWheel;
  static inline asio::execution_context::id id;

  explicit DeadlineWheel(asio::execution_context& context);
  void File(Deadline& deadline);
  static std::int64_t TickAfter(Deadline::Time time);

 private:
  static constexpr std::int64_t kSlots = 512;
  using List = boost::intrusive::list<Deadline, boost::intrusive::constant_time_size<false>>;

  void shutdown() override {}
  void Arm();
  void Visit();
  bool Empty() const;

  Timer timer_;
  std::array<List, kSlots> slots_;
  std::int64_t visited_ = 0;  // the last tick whose slot was visited
  bool ticking_ = false;
};

}  // namespace portcall::http
