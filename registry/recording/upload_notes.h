#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "runtime/log.h"
#include "runtime/mutex.h"
#include "store/catalog.h"
#include "store/store.h"

namespace portcall::registry {

// The catalog's rows of uploads, from which purging finds what clients left behind. No client waits for one: a row is
// written when its upload is a second old, by a thread of its own, many to a commit, and an upload that has ended by
// then never costs one. What a crash takes are rows of uploads that were younger than that. Callable from any loop.
class UploadNotes {
 public:
  static constexpr std::size_t kMost = 4096;

  explicit UploadNotes(store::Store& store, runtime::Log& log, std::chrono::milliseconds delay = kDelay);
  ~UploadNotes();  // writes what is noted; nothing else must be called any more

  // False: as many as there may be are noted already, and the caller writes the row itself.
  [[nodiscard]] bool Add(store::UploadRow row);
  // Of an upload that ended. True: there is no row and will be none; false: the row is to be deleted in a transaction
  // that is asked for after this call.
  bool Cancel(const std::string& uuid);
  std::optional<store::UploadRow> Find(const std::string& uuid);

 private:
  static constexpr std::chrono::seconds kDelay{1};
  struct Note {
    store::UploadRow row;
    std::chrono::steady_clock::time_point due;
    bool writing = false;
  };
  void Run();
  bool Commit(bool all);  // one transaction; false: nothing more is due
  // Puts the rows of what is due. On the writer's thread, so that what Cancel says is true for every later transaction.
  Result<void> Put(store::Tx& tx, bool all, std::vector<std::string>& put);

  store::Store& store_;
  runtime::Log& log_;
  const std::chrono::milliseconds delay_;
  runtime::Mutex mutex_;
  runtime::CondVar wake_;
  std::unordered_map<std::string, Note> notes_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace portcall::registry
