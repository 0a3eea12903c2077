#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace portcall::http {

// How fast a peer is, over a window in which it was waited for at each look. The time before the first such look does
// not count, nor a window that nobody looked into. Pure.
class PeerRate {
 public:
  using Clock = std::chrono::steady_clock;

  void Reset() {
    begin_.reset();
    rate_.reset();
  }

  // `progress` tells how many bytes have moved by now, and is asked at the ends of a window alone.
  template <class F>
  void Look(Clock::time_point now, bool waits, Clock::duration window, F progress) {
    if (!waits) return Reset();
    const Clock::duration passed = begin_ ? now - *begin_ : Clock::duration::max();
    if (passed < window) return;
    const std::int64_t moved = progress();
    rate_.reset();
    if (begin_ && passed < 2 * window) {
      rate_ = static_cast<double>(moved - moved_) / std::chrono::duration<double>(passed).count();
    }
    begin_ = now;
    moved_ = moved;
  }

  // Bytes a second, of the last whole window; none: it has not come to that.
  std::optional<double> rate() const { return rate_; }

 private:
  std::optional<Clock::time_point> begin_;  // of the window
  std::int64_t moved_ = 0;                  // by then
  std::optional<double> rate_;
};

}  // namespace portcall::http
