#include "runtime/http/deadline.h"

#include <algorithm>

namespace portcall::http {
namespace {

using Clock = std::chrono::steady_clock;
constexpr Clock::duration kTick = std::chrono::milliseconds(25);

std::int64_t TickBefore(Clock::time_point time) { return time.time_since_epoch() / kTick; }

}  // namespace

Deadline::Deadline(asio::io_context& context) : wheel_(asio::use_service<DeadlineWheel>(context)) {}

void Deadline::Set(Time when) {
  when_ = when;
  if (!is_linked() || DeadlineWheel::TickAfter(when) < filed_) wheel_.File(*this);
}

DeadlineWheel::DeadlineWheel(asio::execution_context& context)
    : service(context), timer_(static_cast<asio::io_context&>(context)) {}

std::int64_t DeadlineWheel::TickAfter(Deadline::Time time) { return TickBefore(time) + 1; }

void DeadlineWheel::File(Deadline& deadline) {
  if (!ticking_) {
    ticking_ = true;
    visited_ = TickBefore(Clock::now());
    Arm();
  }
  deadline.unlink();
  deadline.filed_ = std::clamp(TickAfter(deadline.when_), visited_ + 1, visited_ + kSlots - 1);
  slots_[static_cast<std::size_t>(deadline.filed_ % kSlots)].push_back(deadline);
}

void DeadlineWheel::Arm() {
  timer_.expires_at(Clock::time_point((visited_ + 1) * kTick));
  timer_.async_wait([this](error_code ec) {
    if (!ec) Visit();
  });
}

void DeadlineWheel::Visit() {
  const Clock::time_point now = Clock::now();
  const std::int64_t last = TickBefore(now);
  // After a long stall of the loop one round visits every slot.
  visited_ = std::max(visited_, last - kSlots);
  while (visited_ < last) {
    ++visited_;
    List due;
    due.swap(slots_[static_cast<std::size_t>(visited_ % kSlots)]);
    while (!due.empty()) {
      Deadline& deadline = due.front();
      due.pop_front();
      if (deadline.when_ == Deadline::Time::max()) continue;
      if (deadline.when_ > now) {
        File(deadline);
        continue;
      }
      deadline.Clear();
      deadline.OnDeadline();
    }
  }
  ticking_ = !Empty();
  if (ticking_) Arm();
}

bool DeadlineWheel::Empty() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const List& slot) { return slot.empty(); });
}

}  // namespace portcall::http
