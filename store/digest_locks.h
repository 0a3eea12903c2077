#pragma once

#include <deque>
#include <string>
#include <unordered_map>

#include "runtime/mutex.h"
#include "runtime/task.h"

namespace portcall::store {

// Who may make, adopt or remove the content of a digest: one holder at a time, others wait in line. They are the
// store's, because what they guard is content and its rows together. Callable from any loop; a waiter resumes on its
// own loop.
class DigestLocks {
 public:
  class Held {
   public:
    Held(DigestLocks* locks, std::string digest) : locks_(locks), digest_(std::move(digest)) {}
    Held(Held&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), digest_(std::move(other.digest_)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (locks_ != nullptr) locks_->Release(digest_);
    }

   private:
    DigestLocks* locks_;
    std::string digest_;
  };

  Task<Held> Acquire(std::string digest);

 private:
  void Release(const std::string& digest);
  runtime::Mutex mutex_;
  std::unordered_map<std::string, std::deque<Resume<bool>>> held_ GUARDED_BY(mutex_);
};

}  // namespace portcall::store
