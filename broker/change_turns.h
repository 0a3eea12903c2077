#pragma once

#include <chrono>

#include "runtime/mutex.h"
#include "runtime/result.h"

namespace portcall::broker {

// Changes of the endpoints go one after another: reloads, and what operators do. Any thread but a loop.
class ChangeTurns {
 public:
  // How long an operator's act waits: a reload takes no longer, where no disk hangs.
  static constexpr std::chrono::milliseconds kPatience{5'000};
  static Error Busy() {
    return {Errc::kTimeout, "another change of the endpoints is under way, such as a reload: try again"};
  }

  // Held while one lasts; false: another one went on for all of the patience.
  class Turn {
   public:
    Turn(ChangeTurns& turns, std::chrono::milliseconds patience) : turns_(turns), taken_(turns.Take(patience)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (taken_) turns_.GiveBack();
    }
    explicit operator bool() const { return taken_; }

   private:
    ChangeTurns& turns_;
    const bool taken_;
  };

 private:
  bool Take(std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    const runtime::MutexLock lock(mutex_);
    while (taken_) {
      if (!over_.WaitUntil(mutex_, until) && taken_) return false;
    }
    taken_ = true;
    return true;
  }
  void GiveBack() {
    const runtime::MutexLock lock(mutex_);
    taken_ = false;
    over_.NotifyOne();
  }

  runtime::Mutex mutex_;
  runtime::CondVar over_;
  bool taken_ GUARDED_BY(mutex_) = false;
};

}  // namespace portcall::broker
