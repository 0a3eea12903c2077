#pragma once

#include <chrono>
#include <filesystem>
#include <functional>

#include "runtime/result.h"

namespace portcall::app {

// The right of one process to a data folder: flock(2) on `portcall.lock` in it, which holds the owner's process id. The
// system takes it back when the process ends, however it ends.
class DataLock {
 public:
  // Sleeps for a moment; false: stop waiting.
  using Pause = std::function<bool(std::chrono::milliseconds)>;

  // kConflict says who holds it after `wait`; kCancelled: `pause` said stop; kUnavailable: the folder is not usable.
  static Result<DataLock> Take(const std::filesystem::path& folder, std::chrono::milliseconds wait, const Pause& pause);

  DataLock(DataLock&& other) noexcept;
  DataLock& operator=(DataLock&&) = delete;
  ~DataLock();

 private:
  explicit DataLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace portcall::app
