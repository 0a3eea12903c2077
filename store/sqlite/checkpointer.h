#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "store/sqlite/connection.h"
#include "store/sqlite/readers.h"

namespace portcall::store {

// Moves what was committed from the write-ahead log into the database, and lets the log begin anew, so that it stays
// small. On the writer's thread, between transactions. A full disk only postpones it; other failures are thrown.
class Checkpointer {
 public:
  Checkpointer(Connection& connection, Readers& readers);

  void AfterCommit();               // when enough has gathered
  void Idle();                      // all that can be moved without waiting for anybody
  void Final();                     // all of it; the readers are closed
  std::uint64_t wal_bytes() const;  // any thread

 private:
  static int Committed(void* self, sqlite3* db, const char* name, int pages);
  bool Checkpoint(int mode);  // false: a full disk or another process's reader kept some back
  void BeginAnew();

  Connection& connection_;
  Readers& readers_;
  std::int64_t page_size_;
  std::atomic<std::int64_t> pages_ = 0;                              // in the log
  std::int64_t moved_ = 0;                                           // of them already in the database
  bool ended_ = false;                                               // the next commit begins the log anew
  std::optional<std::chrono::steady_clock::time_point> next_begin_;  // not before, after one that failed
};

}  // namespace portcall::store
