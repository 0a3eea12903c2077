#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/mutex.h"
#include "runtime/result.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/trust.h"

namespace portcall::store {

class Snapshot;

// The connections that read, each for one query at a time, and the gate that keeps queries out during a checkpoint.
// Callable from any thread that may block.
class Readers {
 public:
  Readers(const std::filesystem::path& file, std::size_t count, Trust& trust);

  // Waits for a free connection and an open gate. Throws nothing: what the query throws is its caller's error.
  Result<void> Read(const std::function<void(Snapshot&)>& query);
  // Lets nobody in and waits for those inside; false, and open again, when they take longer.
  bool Shut(std::chrono::milliseconds patience);
  void Reopen();
  void Close();  // waits for those inside; later reads are refused

 private:
  class Lease;
  std::unique_ptr<Connection> Take();
  void Return(std::unique_ptr<Connection> connection);

  Trust& trust_;
  runtime::Mutex mutex_;
  runtime::CondVar changed_;
  std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mutex_);
  std::size_t inside_ GUARDED_BY(mutex_) = 0;
  bool shut_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace portcall::store
