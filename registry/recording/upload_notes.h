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

// The catalog's rows of uploads, from which purging finds uploads that clients abandoned. No client waits for a row: a
// thread of its own writes it when the upload is a second old, many to a commit. An upload that has ended by then gets
// none. A crash loses only the rows of uploads younger than that. Callable from any loop.
class UploadNotes {
 public:
  static constexpr std::size_t kMost = 4096;

  explicit UploadNotes(store::Store& store, runtime::Log& log, std::chrono::milliseconds delay = kDelay);
  ~UploadNotes();  // writes what is noted; nothing else must be called any more

  // False: kMost rows are noted already, and the caller must write this row itself.
  [[nodiscard]] bool Add(store::UploadRow row);
  // For an upload that has ended. True: there is no row, or it goes by itself. False: the caller must delete the row,
  // in a transaction that it asks for after this call.
  bool Cancel(const std::string& uuid);
  std::optional<store::UploadRow> Find(const std::string& uuid);

 private:
  static constexpr std::chrono::seconds kDelay{1};
  struct Note {
    store::UploadRow row;
    std::chrono::steady_clock::time_point due;
    bool writing = false;
    bool ended = false;  // while its row was being written
  };
  void Run();
  bool Commit(bool all);  // one transaction; false: nothing more is due
  std::vector<store::UploadRow> TakeDue(bool all);
  // Forgets what was written, and returns what has ended meanwhile.
  std::vector<std::string> Written(const std::vector<store::UploadRow>& rows);

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
