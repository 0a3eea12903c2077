#pragma once

#include <string>
#include <unordered_set>
#include <utility>

#include "runtime/mutex.h"

namespace portcall::registry {

// The uploads that a request is writing to. One request at a time may; a second is told so instead of waiting, since
// its idea of the offset would be stale anyway. Callable from any thread.
class BusyUploads {
 public:
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), uuid_(std::move(other.uuid_)) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(uuid_, other.uuid_);
      return *this;
    }
    ~Hold() {
      if (owner_ != nullptr) owner_->Release(uuid_);
    }
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    friend class BusyUploads;
    Hold(BusyUploads* owner, std::string uuid) : owner_(owner), uuid_(std::move(uuid)) {}
    BusyUploads* owner_ = nullptr;
    std::string uuid_;
  };

  // Empty when another request holds the upload.
  [[nodiscard]] Hold TryHold(const std::string& uuid) {
    const runtime::MutexLock lock(mutex_);
    return busy_.insert(uuid).second ? Hold(this, uuid) : Hold();
  }

 private:
  void Release(const std::string& uuid) {
    const runtime::MutexLock lock(mutex_);
    busy_.erase(uuid);
  }

  runtime::Mutex mutex_;
  std::unordered_set<std::string> busy_ GUARDED_BY(mutex_);
};

}  // namespace portcall::registry
