#include "store/sqlite/writer.h"

#include <pthread.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "runtime/failpoint.h"
#include "store/sqlite/statement.h"

namespace portcall::store {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kGroupJobs = 512;
constexpr std::size_t kGroupBytes = 4 << 20;
constexpr milliseconds kSlice(5);         // of background jobs in one transaction
constexpr milliseconds kSlicePause(100);  // between slices while others keep the writer busy
constexpr milliseconds kIdlePatience(1000);
constexpr milliseconds kPlacePatience(3000), kPutBackPause(1000), kSecondLook(100);

const Sql kBegin("BEGIN IMMEDIATE");
const Sql kCommit("COMMIT");
const Sql kRollback("ROLLBACK");
const Sql kSavepoint("SAVEPOINT job");
const Sql kRelease("RELEASE job");
const Sql kRollbackTo("ROLLBACK TO job");

Error NoReserve() {
  return {Errc::kNoSpace,
          "less than storage.reserve is free on the database's volume: free space there, or lower storage.reserve"};
}

}  // namespace

Writer::Writer(std::unique_ptr<Connection> connection, Readers& readers, Trust& trust, Listeners& listeners,
               const StoreOptions& options, std::int64_t last_recorded)
    : connection_(std::move(connection)),
      readers_(readers),
      trust_(trust),
      listeners_(listeners),
      provocations_(options.provocations),
      volume_(options.database.parent_path(), options.reserve_bytes),
      tx_(*connection_, *options.clock, last_recorded),
      checkpointer_(*connection_, readers),
      files_(*connection_),
      spare_(options.database, options.reserve_bytes),
      trouble_(options.patience) {
  group_.reserve(kGroupJobs);
  trust_.SaveBefore([this] {
    // On any thread, so the spare is not given up for it.
    if (files_.WhyDatabaseGone() || !files_.WhyLogGone()) return;
    (void)files_.PutLogBack(volume_.Free().value_or(SIZE_MAX));
  });
  thread_ = std::jthread([this] { Loop(); });
}

Writer::~Writer() {
  Close();
  trust_.SaveBefore(nullptr);
}

void Writer::Submit(WriteJob& job, Priority priority) {
  if (trust_.lost()) {
    const Error refusal = Trust::Refusal();
    job.Done(&refusal);
  } else if (!queue_.Push(job, priority)) {
    const Error closing(Errc::kUnavailable, "the store is closing");
    job.Done(&closing);
  }
}

void Writer::Close() {
  queue_.Close();
  if (!thread_.joinable()) return;
  thread_.join();
  readers_.Close();
  const bool in_place = !trust_.lost() && AwaitPlace();
  if (in_place) Checkpoint(&Checkpointer::Final);
  // Checked again, because the checkpoint above may have cost the trust in the database.
  if (trust_.lost() || !in_place) connection_->LeaveLog();
  connection_.reset();
  spare_.KeepAny();
}

// What a log without a name holds is lost with this process, so a little is waited for a place for it.
bool Writer::AwaitPlace() {
  bool in_place = InPlace();
  for (const auto until = steady_clock::now() + kPlacePatience; unsaved_ && steady_clock::now() < until;) {
    std::this_thread::sleep_for(milliseconds(50));
    in_place = InPlace();
  }
  if (unsaved_) trust_.Lose(trouble_.Told().value_or("") + ". This process ends now");
  return in_place;
}

void Writer::AddTo(StoreStats& stats) {
  stats.commits = commits_;
  stats.jobs = jobs_;
  stats.queue_depth = queue_.depth();
  stats.journal_bytes = checkpointer_.wal_bytes();
  stats.out_of_space = out_of_space_;
}

void Writer::Loop() {
  pthread_setname_np(pthread_self(), "store-writer");
  while (!queue_.finished()) {
    const bool some = queue_.Await(kIdlePatience);
    trouble_.Begin();
    const bool in_place = trust_.lost() || InPlace();
    if (some) RunGroup();
    if (in_place && !trust_.lost() && !displaced_) {
      Checkpoint(some ? &Checkpointer::AfterCommit : &Checkpointer::Idle);
    }
    if (!some) spare_.Keep();
    trouble_.End();
  }
}

void Writer::Checkpoint(void (Checkpointer::*how)()) {
  try {
    (checkpointer_.*how)();
  } catch (const DatabaseError& error) {
    Note(error);
  }
}

// Where the file itself is gone, nothing more is written until it is back: whoever removed it can still save it from
// here. The write-ahead log gets its name back, and its index is made anew, by the process's next start. Nothing is
// moved into the database meanwhile: half of that, without a log, would be damage.
bool Writer::InPlace() {
  using Wrong = OpenFiles::Fault::Kind;
  auto fault = files_.Look();
  if (fault && fault->kind >= Wrong::kIndexGone) {
    // Whoever removes log and index has come to this one first; others may move the log just now.
    std::this_thread::sleep_for(kSecondLook);
    fault = files_.Look();
  }
  const bool log_gone = fault && fault->kind == Wrong::kLogGone;
  if (log_gone && unsaved_ && steady_clock::now() < next_put_back_) return false;
  const std::string here = "/proc/" + std::to_string(getpid()) + "/fd";
  std::string why;
  if (fault && fault->kind == Wrong::kDatabaseGone) {
    why = fault->text + ": nothing is written until it is back. While this process lives, its content is in " + here;
  } else if (log_gone) {
    next_put_back_ = steady_clock::now() + kPutBackPause;
    const Result<std::string> back = PutLogBack();
    if (back) {
      trust_.Lose(fault->text + "; start again: what it held is there again" +
                  (back->empty() ? "" : ", and what had its name is " + *back));
    } else {
      why = fault->text + ", and what it holds finds no place (" + back.error().detail +
            "): nothing is written until it does. It would be lost with this process, which has it in " + here;
    }
  } else if (fault && fault->kind == Wrong::kIndexGone) {
    trust_.Lose(fault->text + "; start again: it is made anew");
  } else if (fault) {
    trust_.Lose(fault->text + "; start again, or restore a backup where that finds damage");
  }
  if (!why.empty() || displaced_) trouble_.Set(why);
  unsaved_ = log_gone && !trust_.lost();
  displaced_ = !why.empty();
  return !displaced_ && !trust_.lost();
}

Result<std::string> Writer::PutLogBack() {
  spare_.Release(files_.log_bytes());
  return files_.PutLogBack(volume_.Free().value_or(SIZE_MAX));
}

void Writer::RunGroup() {
  group_.clear();
  spoiled_.reset();
  tx_.Begin();
  try {
    if (trust_.lost()) {
      spoiled_ = Trust::Refusal();
    } else if (displaced_) {
      spoiled_ = Error(Errc::kUnavailable, "a file of the database was removed or replaced");
    } else {
      connection_->Run(kBegin);
      files_.SeePages();
    }
  } catch (const DatabaseError& error) {
    Spoil(error);
  }
  RunJobs();
  RunBackground();
  Commit();
  Tell();
}

void Writer::RunJobs() {
  while (group_.size() < kGroupJobs && tx_.appended_bytes() < kGroupBytes) {
    WriteJob* job = queue_.Take();
    if (job == nullptr) return;
    RunJob(*job);
  }
}

// Background jobs run when no other job waits, and in short slices under load, because what they delete makes room.
void Writer::RunBackground() {
  const auto start = steady_clock::now();
  if (!group_.empty() && last_slice_ && start - *last_slice_ < kSlicePause) return;
  while (steady_clock::now() - start < kSlice) {
    WriteJob* job = queue_.TakeBackground();
    if (job == nullptr) return;
    RunJob(*job);
    last_slice_ = steady_clock::now();
  }
}

void Writer::RunJob(WriteJob& job) {
  Outcome& outcome = group_.emplace_back(Outcome{&job, false, std::nullopt});
  if (spoiled_) return;
  trouble_.Begin();
  if (JobQueue::PriorityOf(job) == Priority::kRequest && BelowReserve()) {
    outcome.error = NoReserve();
    out_of_space_ = true;
    return;
  }
  const std::size_t appended = tx_.appended().size();
  try {
    connection_->Run(kSavepoint);
    if (provocations_.run_jobs_twice) Rehearse(job);
    outcome.kept = job.Run(tx_);
    if (outcome.kept) {
      connection_->Run(kRelease);
      return;
    }
  } catch (const DatabaseError& error) {
    outcome.error = error.ToError();
    Note(error);
  } catch (const std::exception& error) {
    outcome.error = Error(Errc::kInternal, std::string("a write failed: ") + error.what());
  }
  outcome.kept = false;
  Undo(appended, outcome.error.value_or(Error(Errc::kInternal, "the transaction was lost")));
}

bool Writer::BelowReserve() {
  return volume_.BelowReserve([this]() -> std::uint64_t {
    try {
      return static_cast<std::uint64_t>(connection_->Number("PRAGMA freelist_count") *
                                        connection_->Number("PRAGMA page_size"));
    } catch (const DatabaseError& error) {
      Note(error);
      return 0;
    }
  });
}

void Writer::Rehearse(WriteJob& job) {
  const std::size_t appended = tx_.appended().size();
  (void)job.Run(tx_);
  connection_->Run(kRollbackTo);
  tx_.Undo(appended);
}

void Writer::Undo(std::size_t appended, const Error& error) {
  tx_.Undo(appended);
  if (!connection_->in_transaction() || trust_.lost()) {  // a full disk can end the transaction, not the job alone
    spoiled_ = error;
    return;
  }
  try {
    connection_->Run(kRollbackTo);
    connection_->Run(kRelease);
  } catch (const DatabaseError& failure) {
    Spoil(failure);
  }
}

void Writer::Commit() {
  try {
    if (!spoiled_) {
      trouble_.Begin();
      runtime::Failpoint("before-commit");
      connection_->Run(kCommit);
      runtime::Failpoint("after-commit");
      commits_.fetch_add(1, std::memory_order_relaxed);
      jobs_.fetch_add(group_.size(), std::memory_order_relaxed);
    }
  } catch (const DatabaseError& error) {
    Spoil(error);
    // Part of it may be on disk already, and be found there by the next start.
    if (error.fatal()) spoiled_->code = Errc::kOutcomeUnknown;
  }
  if (!spoiled_) return;
  tx_.Undo(0);
  try {
    if (connection_->in_transaction()) connection_->Run(kRollback);
  } catch (const DatabaseError& error) {
    Note(error);
  }
}

void Writer::Spoil(const DatabaseError& error) {
  Note(error);
  spoiled_ = error.ToError();
}

void Writer::Note(const DatabaseError& error) {
  if (error.no_space()) out_of_space_ = true;
  if (error.fatal()) trust_.Lose(error.what());
}

// The listeners come before Done: a caller that learns its write is durable may count on the log's readers knowing it.
void Writer::Tell() {
  if (!tx_.appended().empty()) listeners_.Tell(tx_.appended());
  bool all_kept = !spoiled_;
  // What was committed just now is where nobody finds it, unless the file comes back.
  if (all_kept && !InPlace()) spoiled_ = Error(Errc::kOutcomeUnknown, "a file of the database was removed or replaced");
  if (all_kept && provocations_.hide_outcome && provocations_.hide_outcome()) {
    spoiled_ = Error(Errc::kOutcomeUnknown, "the database did not tell the outcome of a write");
  }
  for (const Outcome& outcome : group_) {
    if (outcome.error && outcome.error->code == Errc::kNoSpace) all_kept = false;
  }
  if (all_kept && !BelowReserve()) out_of_space_ = false;
  for (const Outcome& outcome : group_) {
    const std::optional<Error>& error = outcome.kept ? spoiled_ : outcome.error ? outcome.error : spoiled_;
    outcome.job->Done(error ? &*error : nullptr);
  }
  group_.clear();
}

}  // namespace portcall::store
