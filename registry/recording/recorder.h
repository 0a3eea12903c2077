#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "config/config.h"
#include "registry/recording/events.h"
#include "registry/recording/refusal_tally.h"
#include "registry/recording/upload_notes.h"
#include "runtime/clock.h"
#include "runtime/log.h"
#include "runtime/metrics.h"
#include "runtime/mutex.h"
#include "runtime/result.h"
#include "runtime/task.h"
#include "store/store.h"

namespace portcall::registry {

// Writes what no client waits for, many to a commit, on one thread of its own:
// - pulls, where events.pull is relaxed, from a queue of kQueueBytes, beside what is being written. When that is full
//   the response waits for room, so nothing is dropped, and what waits is bounded by the number of connections;
// - refused requests, through the same queue, as RefusalTally picks and counts them. What is counted is written when
//   its minute ends;
// - rows of uploads, from which purging finds those that clients abandoned. A row is written when its upload is a
//   second old; an upload that has ended by then gets none. A crash loses only the rows of uploads younger than that,
//   which purging finds in the blob store. What the store refuses is written later. When UploadNotes is full the caller
//   writes its row itself.
// Events that the store refuses (a full disk) are lost and counted, and so is every event while the log is full; an
// error tells when that begins, and a line when it is over. Callable from any loop. The destructor writes what is left;
// nothing may be called any more by then.
class Recorder {
 public:
  // Of memory, about. One draft may be larger: it is let in when the queue is empty.
  static constexpr std::size_t kQueueBytes = 4 << 20;

  struct Pace {
    std::chrono::milliseconds refusals{std::chrono::minutes(1)};  // how long they are counted
    std::chrono::milliseconds notes{std::chrono::seconds(1)};     // an upload's age when its row is written
  };
  // `log_is_full` is asked on any thread, also by the destructor. No function: never.
  Recorder(store::Store& store, runtime::Log& log, runtime::Metrics& metrics, const runtime::Clock& clock, Pace pace,
           std::function<bool()> log_is_full = {});
  Recorder(store::Store& store, runtime::Log& log, runtime::Metrics& metrics, const runtime::Clock& clock)
      : Recorder(store, log, metrics, clock, Pace()) {}
  ~Recorder();

  // Durable ones wait for their commit, and fail with it; others do not fail.
  Task<Result<void>> RecordPull(Draft draft, config::PullEvents mode);
  Task<> RecordRefusal(Draft draft);
  void RecordRefusalIfRoom(Draft draft);  // waits for nothing: else it is lost, and counted

  // False: there is no room, and the caller must write this row itself.
  [[nodiscard]] bool Note(store::UploadRow row);
  // For an upload that has ended. True: there is no row and will be none. False: there may be one, which the caller
  // must delete; one that is being written just now goes again by itself.
  bool CancelNote(const std::string& uuid);
  std::optional<store::UploadRow> FindNote(const std::string& uuid);

 private:
  struct Waiting {
    Draft draft;
    Resume<bool> resume;
  };
  struct Lost {
    std::int64_t pulls = 0, refusals = 0;
  };
  struct Work {
    std::vector<Draft> drafts;
    bool notes = false;  // some are due
    bool last = false;   // the recorder stops: they are all due
  };
  bool IsSingle(const Draft& draft);
  Task<Result<void>> WriteDurably(Draft draft);
  Task<> Queue(Draft draft);
  bool TryQueue(Draft& draft);
  void Push(Draft draft, std::size_t bytes) REQUIRES(mutex_);
  void QueueFolded(std::vector<RefusalTally::Folded> folded);

  void Run();
  // Waits for something to write and takes it. False: nothing is left and the recorder stops.
  bool Await(Work& work);
  bool WaitForWork() REQUIRES(mutex_);  // false: there is none, and none will come
  std::optional<runtime::SteadyTime> NextDue() const REQUIRES(mutex_);
  std::vector<Resume<bool>> Admit() REQUIRES(mutex_);
  void Commit(std::span<Draft> drafts);
  Result<void> Write(std::span<Draft> drafts);  // in one transaction
  bool CommitNotes(bool all);                   // one transaction; false: nothing more is due
  void DeleteRows(const std::vector<std::string>& uuids);
  void CountLost(const Lost& lost, const Error& error);
  void TellRecovered();

  store::Store& store_;
  runtime::Log& log_;
  prometheus::Counter& lost_pulls_;
  prometheus::Counter& lost_refusals_;
  const runtime::Clock& clock_;
  const Pace pace_;
  const std::function<bool()> log_is_full_;
  runtime::Mutex mutex_;
  runtime::CondVar wake_;
  std::vector<Draft> queue_ GUARDED_BY(mutex_);
  std::size_t queue_bytes_ GUARDED_BY(mutex_) = 0;
  std::deque<Waiting> waiting_ GUARDED_BY(mutex_);  // at most one for each connection
  RefusalTally tally_ GUARDED_BY(mutex_);
  UploadNotes notes_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  // Of the thread:
  bool notes_fail_ = false;
  std::string losing_;  // why events are being lost, empty: they are not
  Lost lost_;           // since then
  std::jthread thread_;
};

}  // namespace portcall::registry
