#pragma once

#include <chrono>
#include <filesystem>
#include <functional>

#include "runtime/result.h"

namespace portcall::app {

// The right of one process to a data folder, or to a database: flock(2) on a file there, which holds the owner's
// process id. The system takes it back when the process ends, however it ends.
class DataLock {
 public:
  // Sleeps for a moment; false: stop waiting.
  using Pause = std::function<bool(std::chrono::milliseconds)>;

  // Makes `file` where it is missing. kConflict says who holds it after `wait`; kCancelled: `pause` said stop;
  // kInvalid: there can be no such file; kUnavailable: it is not usable.
  static Result<DataLock> Take(const std::filesystem::path& file, std::chrono::milliseconds wait, const Pause& pause);

  // Of a data folder; and of a database, which may be named by links from several folders.
  static std::filesystem::path FileOfFolder(const std::filesystem::path& folder);
  static std::filesystem::path FileOfDatabase(const std::filesystem::path& database);

  DataLock(DataLock&& other) noexcept;
  DataLock& operator=(DataLock&&) = delete;
  ~DataLock();

 private:
  explicit DataLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace portcall::app
