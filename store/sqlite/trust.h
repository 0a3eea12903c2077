#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>

#include "runtime/result.h"

namespace portcall::store {

// Whether the database may still be believed. Losing trust is final and told once. Callable from any thread.
class Trust {
 public:
  explicit Trust(std::function<void(const std::string&)> on_lost) : on_lost_(std::move(on_lost)) {}
  bool lost() const { return lost_.load(std::memory_order_acquire); }
  void Lose(const std::string& why) {
    if (!lost_.exchange(true) && on_lost_) on_lost_(why);
  }
  static Error Refusal() { return {Errc::kUnavailable, "the database failed earlier and is no longer used"}; }

 private:
  std::function<void(const std::string&)> on_lost_;
  std::atomic<bool> lost_ = false;
};

}  // namespace portcall::store
