#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/mutex.h"
#include "runtime/task.h"

namespace portcall::registry {

// Which request writes to an upload: the newest. A client that asks again has given its earlier request up, and that
// one may wait for its bytes until a timeout, because nobody has told this side that the connection is dead. So who
// comes later takes the upload over, and the earlier one can change nothing any more. Callable from any thread.
class BusyUploads {
 public:
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), uuid_(std::move(other.uuid_)), turn_(other.turn_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(uuid_, other.uuid_);
      std::swap(turn_, other.turn_);
      return *this;
    }
    ~Hold() {
      if (owner_ != nullptr) owner_->Release(*this);
    }
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    friend class BusyUploads;
    Hold(BusyUploads* owner, std::string uuid, std::uint64_t turn)
        : owner_(owner), uuid_(std::move(uuid)), turn_(turn) {}
    BusyUploads* owner_ = nullptr;
    std::string uuid_;
    std::uint64_t turn_ = 0;
  };

  // One change of the upload: while it lasts nobody takes over. False: somebody has, and nothing may be changed. An
  // empty hold is that of an upload which nobody else knows. The hold outlives it.
  class Change {
   public:
    explicit Change(const Hold& hold) : hold_(hold), allowed_(!hold || hold.owner_->Begin(hold)) {}
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;
    ~Change() {
      if (allowed_ && hold_) hold_.owner_->End(hold_);
    }
    explicit operator bool() const { return allowed_; }

   private:
    const Hold& hold_;
    const bool allowed_;
  };

  // What has been done to an upload by those who hold it. Two that are equal: nothing has been done in between, but by
  // those who have let go of it.
  using Stamp = std::uint64_t;
  Task<Stamp> Settled(std::string uuid);  // waits for a change that is under way
  // Waits for a change that is under way. With a stamp: empty when something has been done since, and nobody has lost
  // the upload.
  Task<Hold> Take(std::string uuid, std::optional<Stamp> as_of = std::nullopt);
  // Empty when somebody has it.
  [[nodiscard]] Hold TryTake(const std::string& uuid);

 private:
  struct Entry {
    std::uint64_t turn = 0;
    Stamp stamp = 0;
    bool changing = false;
    std::vector<Resume<bool>> waiting;  // for the end of the change
  };
  bool Begin(const Hold& hold);
  void End(const Hold& hold);
  void Release(const Hold& hold);
  Task<> WaitFor(const std::string& uuid);  // the end of a change
  bool Wait(const std::string& uuid, Resume<bool>& resume);

  runtime::Mutex mutex_;
  std::unordered_map<std::string, Entry> busy_ GUARDED_BY(mutex_);
  std::uint64_t turns_ GUARDED_BY(mutex_) = 0;  // of turns and stamps
};

}  // namespace portcall::registry
