#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "runtime/bytes.h"
#include "runtime/files.h"
#include "runtime/mutex.h"
#include "runtime/task.h"

namespace portcall::store {

// What is known of an upload in memory: its file, how long it is, and a hash that covers all of it while bytes come in
// order. Only a shortcut: the file is the truth, and what is forgotten is made anew from it.
struct Upload {
  explicit Upload(runtime::Fd f, std::uint64_t bytes) : file(std::move(f)), size(bytes) { HashAnew(); }
  void HashAnew() {  // where the file is empty
    hash.reset();
    if (size == 0) hash.emplace(algorithm);
  }
  runtime::Fd file;  // none: it was idle, and others needed the descriptor
  std::uint64_t size;
  std::uint64_t synced_up_to = 0;  // writeback was started up to here
  std::string algorithm = "sha256";
  std::optional<runtime::Hasher> hash;  // by that algorithm
};

// The uploads with state in memory, 1,024 at most (the idle ones used longest ago are forgotten first), and who works
// on which: one piece of work on an upload at a time. At most `most_open` of the idle ones keep their files open; the
// rest keep their hashes. Callable from any thread.
class Uploads {
 public:
  // Files are closed on `lane`, because on a network file system that may take its time; it outlives this.
  Uploads(asio::thread_pool& lane, std::size_t most_open) : lane_(lane), most_open_(most_open) {}

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
    void Show() { uploads_->Show(uuid_, state->size); }  // the size, to those who ask meanwhile
    std::unique_ptr<Upload> state;                       // null: nothing known; leave it null to have it forgotten

   private:
    Uploads* uploads_;
    std::string uuid_;
  };

  // nullopt: somebody works on it.
  std::optional<Turn> Take(const std::string& uuid);
  // How long the upload is by what was shown of it last, and whether somebody works on it.
  struct Shown {
    std::uint64_t size = 0;
    bool taken = false;
    bool operator==(const Shown&) const = default;
  };
  std::optional<Shown> Look(const std::string& uuid) const;  // nullopt: nothing is known in memory
  // Closes the file of the idle upload that was used longest ago, here and now. False: no idle one has its file open.
  bool CloseOne();

 private:
  static constexpr std::size_t kMost = 1024;
  using Ages = std::list<std::string>;  // front: used longest ago
  struct Entry {
    std::unique_ptr<Upload> state;
    bool taken = false;
    std::optional<std::uint64_t> size;
    Ages::iterator age;  // in the list that fits, while it is idle
  };
  void GiveBack(const std::string& uuid, std::unique_ptr<Upload> state);
  void Show(const std::string& uuid, std::uint64_t size);
  Ages& ListOf(const Entry& entry) REQUIRES(mutex_) { return entry.state->file ? open_ : closed_; }
  runtime::Fd CloseOldest() REQUIRES(mutex_);
  runtime::Fd ForgetOldest() REQUIRES(mutex_);

  asio::thread_pool& lane_;
  const std::size_t most_open_;
  mutable runtime::Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ GUARDED_BY(mutex_);
  Ages open_ GUARDED_BY(mutex_);  // the idle uploads, by whether their files are open
  Ages closed_ GUARDED_BY(mutex_);
};

}  // namespace portcall::store
