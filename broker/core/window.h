#pragma once

#include <algorithm>
#include <cstddef>

#include "broker/core/attempt_id.h"

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
  // A round is as many successes as it is wide, of attempts that began after it last shrank: those before say nothing
  // of its size.
  void Succeeded(AttemptId attempt) {
    rounds_without_ = 0;
    if (!slow_start_) size_ = std::max(size_, floor());
    if (size_ == max_ || attempt < barrier_ || ++successes_ < size_) return;
    successes_ = 0;
    size_ = std::min(max_, slow_start_ ? size_ * 2 : size_ + 1);
    if (size_ == max_) slow_start_ = false;
  }
  // `next`: the id that the next attempt will have. Attempts that were in flight together shrink it once.
  void Overloaded(AttemptId attempt, AttemptId next) {
    if (fixed_ || attempt < barrier_) return;
    // Who answers some is not starved: one that fails at random would soon be down to one attempt at a time.
    const bool answers_some = rounds_without_++ < kRoundsOfFloor;
    size_ = std::max(answers_some ? std::min(size_, floor()) : 1, size_ / 2);
    barrier_ = next;
    successes_ = 0;
    slow_start_ = false;
  }
  bool starts_slowly() const { return slow_start_; }
  void Reopened() {
    size_ = 1;
    successes_ = 0;
    slow_start_ = max_ > 1;
  }

 private:
  static constexpr int kRoundsOfFloor = 4;  // by chance that many fail whole once in 2^16, if half of all attempts do
  int floor() const { return std::min(4, max_); }

  int max_, size_;
  int successes_ = 0;
  AttemptId barrier_ = 0;  // attempts before it were in flight when the window shrank
  bool fixed_;
  int rounds_without_ = 0;  // a success
  bool slow_start_ = false;
};

}  // namespace portcall::broker
