#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/clock.h"
#include "runtime/loops.h"
#include "runtime/result.h"
#include "runtime/task.h"
#include "store/capability.h"
#include "store/digest_locks.h"
#include "store/event.h"
#include "store/subscription.h"
#include "store/write_job.h"

namespace portcall::store {

// What an engine may do to those who use it, done on purpose: tests find with it who cannot bear that.
struct Provocations {
  bool run_jobs_twice = false;  // every job is run, undone, and run again
  // Asked after a commit, on a thread of the store. True: whoever wrote in it is told kOutcomeUnknown.
  std::function<bool()> hide_outcome = {};
};

struct StoreOptions {
  std::filesystem::path database;              // a local file; its folder exists
  std::uint64_t reserve_bytes = 256 << 20;     // free bytes on the volume below which request writes get kNoSpace
  std::size_t readers = 4;                     // queries at once; one beyond them waits on its pool thread
  std::chrono::milliseconds patience{10'000};  // a write that takes longer is told by trouble()
  const runtime::Clock* clock = &runtime::SystemClock();
  // Called once, from the thread that saw it, when the database can no longer be trusted (a failed fsync, damage): the
  // process must stop. The store refuses everything from then on.
  std::function<void(const std::string& why)> on_fatal;
  Provocations provocations = {};
};

struct StoreStats {
  std::uint64_t commits = 0, jobs = 0, queue_depth = 0;
  std::uint64_t database_bytes = 0;
  std::uint64_t journal_bytes = 0;  // of what is written beside the database before it is moved there
  bool out_of_space = false;        // the last commit found the disk full, or the reserve is used up
};

// What is durable, behind a writer thread and some readers (docs/delivery.md §1, §8). Callable from any loop; the loops
// that call it outlive it.
class Store {
 public:
  // kInvalid or kUnavailable say what is wrong with the file (damaged, newer than this program, on a network file
  // system, no access) and what to do. Migrates an older schema after a backup copy beside it.
  static Result<std::unique_ptr<Store>> Open(StoreOptions options, asio::thread_pool& pool);
  ~Store();

  // Runs `job(Tx&)`, which returns a Result<T>, on a thread of the store, in a transaction that others may share;
  // resumes the caller on its own loop after that transaction is on disk. An Error, or an exception, undoes this job
  // alone. kNoSpace: the disk is full; kUnavailable: the store is closing or broken; kOutcomeUnknown: the changes may
  // have been made, whole, or not at all, and the caller asks again for what may be made twice. Not cancellable. `job`
  // may refer to the caller's locals, but it changes nothing except through its Tx and its result: an engine may run it
  // again.
  template <class F>
  Task<std::invoke_result_t<F&, Tx&>> Write(F job, Priority priority = Priority::kRequest);

  // Runs `query(Snapshot&)`, which returns a Result<T>, on the pool, over one consistent state. kUnavailable: the store
  // is closing or broken. kInternal: what the query threw.
  template <class F>
  Task<std::invoke_result_t<F&, Snapshot&>> Read(F query);

  // The same from a thread that is no loop, waiting for the result: start-up, commands, tests.
  template <class F>
  std::invoke_result_t<F&, Tx&> WriteNow(F job, Priority priority = Priority::kRequest);
  template <class F>
  std::invoke_result_t<F&, Snapshot&> ReadNow(F query);

  // `hear` is called with the events of every commit from now on, until what this returns is gone.
  Subscription Subscribe(Subscription::Hear hear);

  // Of all who touch content whose rows are here.
  DigestLocks& digest_locks();

  StoreStats stats() const;
  // Why writes wait or are refused now, where a full disk is not the reason: the volume does not answer, or somebody
  // has taken the file away. Never waits.
  std::optional<std::string> trouble() const;
  // The database was not closed when it was last used: run CheckIntegrity once, after the start.
  bool ended_uncleanly() const;
  // Reads the whole database in a reader of its own, a piece at a time with pauses; damage is reported to on_fatal as
  // well. Blocks, for minutes where the file is large; `stop` is asked between pieces, every few milliseconds.
  Result<void> CheckIntegrity(const std::function<bool()>& stop);
  // Finishes what is queued and closes. Later Writes get kUnavailable. Blocks; not on a loop.
  void Close();

 private:
  class Impl;
  Store(std::unique_ptr<Impl> impl, asio::thread_pool& pool);
  void Submit(WriteJob& job, Priority priority);  // never blocks
  // On the calling thread; the error says that the database failed, or what the query threw.
  Result<void> ReadWith(const std::function<void(Snapshot&)>& query);

  asio::thread_pool& pool_;
  std::unique_ptr<Impl> impl_;
};

template <class F>
Task<std::invoke_result_t<F&, Tx&>> Store::Write(F job, Priority priority) {
  TypedJob<F, Resume<bool>> work(job);
  auto start = [this, &work, priority](Resume<bool> resume) {
    work.set_wake(std::move(resume));
    Submit(work, priority);
  };
  co_await Suspend<bool>(start);
  co_return work.TakeResult();
}

template <class F>
Task<std::invoke_result_t<F&, Snapshot&>> Store::Read(F query) {
  auto run = [this, &query] { return ReadNow(std::ref(query)); };
  co_return co_await runtime::RunOn(pool_, run);
}

template <class F>
std::invoke_result_t<F&, Tx&> Store::WriteNow(F job, Priority priority) {
  auto done = std::make_shared<std::promise<bool>>();
  auto wake = [done](bool value) { done->set_value(value); };
  TypedJob<F, std::function<void(bool)>> work(job);
  work.set_wake(wake);
  Submit(work, priority);
  done->get_future().wait();
  return work.TakeResult();
}

template <class F>
std::invoke_result_t<F&, Snapshot&> Store::ReadNow(F query) {
  std::optional<std::invoke_result_t<F&, Snapshot&>> result;
  if (auto read = ReadWith([&](Snapshot& snapshot) { result.emplace(query(snapshot)); }); !read) return read.error();
  return std::move(*result);
}

}  // namespace portcall::store
