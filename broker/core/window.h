#pragma once

#include <algorithm>
#include <cstddef>

namespace portcall::broker {

// How many attempts may be in flight: additive increase, multiplicative decrease, and a slow start after a breaker
// closed (docs/delivery.md §3). `fixed` is for a sink that queues for itself: failures do not shrink its window.
class Window {
 public:
  explicit Window(int max, bool fixed = false) : max_(std::max(1, max)), size_(max_), fixed_(fixed) {}

  int size() const { return size_; }
  std::size_t ahead() const {
    return 2 * static_cast<std::size_t>(size_);
  }  // lanes made ready or read before their turn
  void Succeeded() {
    if (size_ == max_ || ++successes_ < size_) return;
    successes_ = 0;
    size_ = std::min(max_, slow_start_ ? size_ * 2 : size_ + 1);
    if (size_ == max_) slow_start_ = false;
  }
  void Failed() {
    if (fixed_) return;
    size_ = std::max(1, size_ / 2);
    successes_ = 0;
    slow_start_ = false;
  }
  void Reopened() {
    size_ = 1;
    successes_ = 0;
    slow_start_ = max_ > 1;
  }

 private:
  int max_, size_;
  int successes_ = 0;
  const bool fixed_;
  bool slow_start_ = false;
};

}  // namespace portcall::broker
