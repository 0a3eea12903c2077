#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "runtime/bytes.h"
#include "runtime/files.h"
#include "runtime/mutex.h"

namespace portcall::store {

// What is known of an upload in memory: the open file, how long it is, and a SHA-256 that covers all of it while bytes
// come in order. Only a shortcut: the file is the truth, and what is forgotten is made anew from it.
struct Upload {
  explicit Upload(runtime::Fd f, std::uint64_t bytes) : file(std::move(f)), size(bytes) {
    if (bytes == 0) hash.emplace("sha256");
  }
  runtime::Fd file;
  std::uint64_t size;
  std::uint64_t synced_up_to = 0;  // writeback was started up to here
  std::optional<runtime::Hasher> hash;
};

// The uploads with state in memory, 1,024 at most (the idle ones used longest ago are forgotten first), and who works
// on which: one piece of work on an upload at a time. Callable from any thread.
class Uploads {
 public:
  // One caller's hold on an upload for one piece of work; the destructor gives the state back.
  class Turn {
   public:
    Turn(Uploads* uploads, std::string uuid, std::unique_ptr<Upload> state)
        : state(std::move(state)), uploads_(uploads), uuid_(std::move(uuid)) {}
    Turn(Turn&& other) noexcept
        : state(std::move(other.state)),
          uploads_(std::exchange(other.uploads_, nullptr)),
          uuid_(std::move(other.uuid_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (uploads_ != nullptr) uploads_->GiveBack(uuid_, std::move(state));
    }
    std::unique_ptr<Upload> state;  // null: nothing known; leave it null to have it forgotten

   private:
    Uploads* uploads_;
    std::string uuid_;
  };

  // nullopt: somebody works on it.
  std::optional<Turn> Take(const std::string& uuid);

 private:
  static constexpr std::size_t kMost = 1024;
  struct Entry {
    std::unique_ptr<Upload> state;
    bool taken = false;
    std::list<std::string>::iterator age;
  };
  void GiveBack(const std::string& uuid, std::unique_ptr<Upload> state);
  runtime::Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ GUARDED_BY(mutex_);
  std::list<std::string> ages_ GUARDED_BY(mutex_);  // the idle uploads; front: used longest ago
};

}  // namespace portcall::store
