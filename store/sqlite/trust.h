#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>

#include "runtime/mutex.h"
#include "runtime/result.h"

namespace portcall::store {

// Whether the database may still be believed. Losing trust is final and told once. Callable from any thread.
class Trust {
 public:
  explicit Trust(std::function<void(const std::string&)> on_lost) : on_lost_(std::move(on_lost)) {}
  bool lost() const { return lost_.load(std::memory_order_acquire); }
  // The process may end there: `save` is called before, on the thread that loses it. Null: nothing is to be saved.
  void SaveBefore(std::function<void()> save) {
    const runtime::MutexLock lock(saving_);
    save_ = std::move(save);
  }
  void Lose(const std::string& why) {
    if (lost_.exchange(true)) return;
    {
      const runtime::MutexLock lock(saving_);
      if (save_) save_();
    }
    if (on_lost_) on_lost_(why);
  }
  static Error Refusal() { return {Errc::kUnavailable, "the database failed earlier and is no longer used"}; }

 private:
  std::function<void(const std::string&)> on_lost_;
  std::atomic<bool> lost_ = false;
  runtime::Mutex saving_;
  std::function<void()> save_ GUARDED_BY(saving_);
};

}  // namespace portcall::store
