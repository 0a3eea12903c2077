#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "store/listeners.h"
#include "store/sqlite/checkpointer.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/job_queue.h"
#include "store/sqlite/open_files.h"
#include "store/sqlite/readers.h"
#include "store/sqlite/spare.h"
#include "store/sqlite/trouble.h"
#include "store/sqlite/trust.h"
#include "store/sqlite/tx.h"
#include "store/sqlite/volume.h"
#include "store/store.h"

namespace portcall::store {

// The thread that alone changes the database. It takes what waits, runs each job in a savepoint of one transaction,
// goes on while more arrive (up to 512 jobs or 4 MiB of events), commits, and tells the callers. So commits grow with
// the load, and no job is held back to wait for others.
class Writer {
 public:
  Writer(std::unique_ptr<Connection> connection, Readers& readers, Trust& trust, Listeners& listeners,
         const StoreOptions& options, std::int64_t last_recorded);
  ~Writer();

  void Submit(WriteJob& job, Priority priority);
  void Close();  // runs what is queued, then checkpoints; the readers must be closed by then or close meanwhile
  void AddTo(StoreStats& stats);
  std::optional<std::string> trouble() const { return trouble_.Told(); }

 private:
  struct Outcome {
    WriteJob* job;
    bool kept;                   // its changes are in the transaction
    std::optional<Error> error;  // what it is told if not
  };

  void Loop();
  void RunGroup();
  void RunJobs();
  void RunBackground();
  void RunJob(WriteJob& job);
  bool BelowReserve();
  void Rehearse(WriteJob& job);
  void Undo(std::size_t appended, const Error& error);
  void Commit();
  void Spoil(const DatabaseError& error);  // the whole group
  void Note(const DatabaseError& error);
  void Tell();
  void Checkpoint(void (Checkpointer::*how)());
  bool InPlace();     // the database's files are where they were
  bool AwaitPlace();  // before an end
  Result<std::string> PutLogBack();

  std::unique_ptr<Connection> connection_;
  Readers& readers_;
  Trust& trust_;
  Listeners& listeners_;
  const Provocations provocations_;
  Volume volume_;
  Tx tx_;
  Checkpointer checkpointer_;
  OpenFiles files_;
  Spare spare_;
  Trouble trouble_;
  bool displaced_ = false, unsaved_ = false;  // as InPlace() found last
  std::chrono::steady_clock::time_point next_put_back_;
  JobQueue queue_;
  std::vector<Outcome> group_;
  std::optional<Error> spoiled_;  // why the whole group is undone, or may be
  std::optional<std::chrono::steady_clock::time_point> last_slice_;
  std::atomic<std::uint64_t> commits_ = 0, jobs_ = 0;
  std::atomic<bool> out_of_space_ = false;
  std::jthread thread_;
};

}  // namespace portcall::store
