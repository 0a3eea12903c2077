#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "runtime/mutex.h"

namespace portcall::store {

// What keeps the writer from its work now. The writer tells, and anybody asks without waiting for it.
class Trouble {
 public:
  explicit Trouble(std::chrono::milliseconds patience) : patience_(patience) {}

  // The writer begins a piece of work that should take moments, and has ended the last one.
  void Begin() { since_ = Now(); }
  void End() { since_ = 0; }
  // Why nothing may be written; empty: nothing keeps it.
  void Set(std::string why) {
    const runtime::MutexLock lock(mutex_);
    why_ = std::move(why);
  }

  std::optional<std::string> Told() const {
    const std::int64_t since = since_;
    const std::chrono::nanoseconds busy(since == 0 ? 0 : Now() - since);
    if (busy >= patience_) {
      return "the database's volume has not answered for " +
             std::to_string(std::chrono::duration_cast<std::chrono::seconds>(busy).count()) + " s";
    }
    const runtime::MutexLock lock(mutex_);
    return why_.empty() ? std::nullopt : std::optional(why_);
  }

 private:
  static std::int64_t Now() {
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  }

  const std::chrono::nanoseconds patience_;
  std::atomic<std::int64_t> since_ = 0;  // steady, ns
  mutable runtime::Mutex mutex_;
  std::string why_ GUARDED_BY(mutex_);
};

}  // namespace portcall::store
