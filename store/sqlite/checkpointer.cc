#include "store/sqlite/checkpointer.h"

#include <sqlite3.h>

#include <cerrno>

namespace portcall::store {

namespace {

constexpr std::int64_t kForceBytes = 64 << 20;    // readers wait for the checkpoint from here on
constexpr std::int64_t kPassiveBytes = 16 << 20;  // moved between commits
constexpr std::int64_t kIdleBytes = 4 << 20;      // moved as soon as nobody waits
constexpr int kBusyMillis = 5000;

}  // namespace

Checkpointer::Checkpointer(Connection& connection, Readers& readers)
    : connection_(connection), readers_(readers), page_size_(connection.Number("PRAGMA page_size")) {
  sqlite3_wal_hook(connection.handle(), &Committed, this);
  Checkpoint(SQLITE_CHECKPOINT_PASSIVE);
}

int Checkpointer::Committed(void* self, sqlite3*, const char*, int pages) {
  auto& me = *static_cast<Checkpointer*>(self);
  if (pages < me.moved_) me.moved_ = 0;  // the log began anew
  me.pages_.store(pages, std::memory_order_relaxed);
  return SQLITE_OK;
}

std::uint64_t Checkpointer::wal_bytes() const {
  return static_cast<std::uint64_t>(pages_.load(std::memory_order_relaxed) * page_size_);
}

bool Checkpointer::WorthWhileIdle() const { return (pages_ - moved_) * page_size_ >= kIdleBytes; }

void Checkpointer::Idle() {
  if (pages_ > moved_) Checkpoint(SQLITE_CHECKPOINT_PASSIVE);
}

void Checkpointer::AfterCommit() {
  const bool may_force = !next_force_ || std::chrono::steady_clock::now() >= *next_force_;
  if (pages_ * page_size_ >= kForceBytes && may_force) {
    Force();
  } else if ((pages_ - moved_) * page_size_ >= kPassiveBytes) {
    Checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  }
}

// The log can start again from its beginning only when no reader uses it, so the readers are shut out first. A query
// that never ends must not stop the writer: then the log grows until the next try.
void Checkpointer::Force() {
  using std::chrono::milliseconds;
  if (!readers_.Shut(milliseconds(200))) {
    next_force_ = std::chrono::steady_clock::now() + milliseconds(500);
    return;
  }
  struct Reopening {
    ~Reopening() {
      sqlite3_busy_timeout(db, kBusyMillis);
      readers.Reopen();
    }
    sqlite3* db;
    Readers& readers;
  } const afterwards{connection_.handle(), readers_};
  sqlite3_busy_timeout(connection_.handle(), 0);
  if (!Checkpoint(SQLITE_CHECKPOINT_RESTART)) next_force_ = std::chrono::steady_clock::now() + milliseconds(500);
}

void Checkpointer::Final() { Checkpoint(SQLITE_CHECKPOINT_TRUNCATE); }

bool Checkpointer::Checkpoint(int mode) {
  int in_log = 0, moved = 0;
  errno = 0;
  const int rc = sqlite3_wal_checkpoint_v2(connection_.handle(), nullptr, mode, &in_log, &moved);
  if (rc == SQLITE_OK || rc == SQLITE_BUSY) {
    if (in_log >= 0) pages_ = in_log;
    if (moved >= 0) moved_ = moved;
    return rc == SQLITE_OK && moved == in_log;
  }
  try {
    connection_.Fail("checkpoint");
  } catch (const DatabaseError& error) {
    if (!error.no_space()) throw;
  }
  return false;
}

}  // namespace portcall::store
