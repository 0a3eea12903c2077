#include "store/sqlite/checkpointer.h"

#include <sqlite3.h>

#include <cerrno>

namespace portcall::store {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::int64_t kMovedBytes = 4 << 20;    // moved between commits; then the log begins anew
constexpr std::int64_t kForcedBytes = 64 << 20;  // from here on longer queries are waited for, too
constexpr int kBusyMillis = 5000;

// The writer waits so long for queries under way, and tries again after the pause.
struct Patience {
  milliseconds wait, pause;
};
constexpr Patience kUsual{milliseconds(20), milliseconds(100)};
constexpr Patience kForced{milliseconds(200), milliseconds(500)};

}  // namespace

Checkpointer::Checkpointer(Connection& connection, Readers& readers)
    : connection_(connection), readers_(readers), page_size_(connection.Number("PRAGMA page_size")) {
  sqlite3_wal_hook(connection.handle(), &Committed, this);
  Checkpoint(SQLITE_CHECKPOINT_PASSIVE);
}

int Checkpointer::Committed(void* self, sqlite3*, const char*, int pages) {
  auto& me = *static_cast<Checkpointer*>(self);
  if (pages < me.moved_) me.moved_ = 0;  // the log began anew
  me.ended_ = false;
  me.pages_.store(pages, std::memory_order_relaxed);
  return SQLITE_OK;
}

std::uint64_t Checkpointer::wal_bytes() const {
  return static_cast<std::uint64_t>(pages_.load(std::memory_order_relaxed) * page_size_);
}

void Checkpointer::Idle() {
  if (pages_ > moved_) Checkpoint(SQLITE_CHECKPOINT_PASSIVE);
}

void Checkpointer::AfterCommit() {
  if ((pages_ - moved_) * page_size_ >= kMovedBytes) Checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  if (ended_ || pages_ * page_size_ < kMovedBytes) return;
  if (!next_begin_ || steady_clock::now() >= *next_begin_) BeginAnew();
}

// The log can start again from its beginning only when no reader uses it, so the readers are shut out first: not for
// long, since nearly all has been moved. A query that never ends must not stop the writer: then the log grows until the
// next try.
void Checkpointer::BeginAnew() {
  const Patience& patience = pages_ * page_size_ < kForcedBytes ? kUsual : kForced;
  if (!readers_.Shut(patience.wait)) {
    next_begin_ = steady_clock::now() + patience.pause;
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
  ended_ = Checkpoint(SQLITE_CHECKPOINT_RESTART);
  if (!ended_) next_begin_ = steady_clock::now() + patience.pause;
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
