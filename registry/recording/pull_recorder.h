#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "config/config.h"
#include "registry/recording/events.h"
#include "runtime/log.h"
#include "runtime/metrics.h"
#include "runtime/mutex.h"
#include "store/store.h"

namespace portcall::registry {

// Puts pull events into the log as events.pull says, and refused requests as if they were relaxed pulls. Durable ones
// wait for their commit. Relaxed ones go through a queue that a thread of its own empties, many to a transaction; when
// the queue is full the response waits for room, so nothing is dropped. What the store refuses (a full disk) is lost,
// counted and logged. Callable from any loop.
class PullRecorder {
 public:
  static constexpr std::size_t kQueue = 4096;

  PullRecorder(store::Store& store, runtime::Log& log, runtime::Metrics& metrics);
  ~PullRecorder();  // commits what is queued; Record must not be called any more

  // Fails for durable events only. `draft` is moved from.
  Task<Result<void>> Record(Draft draft, config::PullEvents mode);
  // Queues events even beyond kQueue, so callers must keep their number small. Any thread; never waits.
  void Add(std::vector<Draft> drafts);

 private:
  struct Waiting {
    Draft draft;
    Resume<bool> resume;
  };
  bool TryQueue(Draft& draft);
  void Run();
  // Takes what is queued and lets waiting requests queue theirs. False: nothing is left and the recorder stops.
  bool Take(std::vector<Draft>& batch);
  void Commit(std::vector<Draft>& batch);
  void CountLost(std::span<const store::Event> events, const Error& error);

  store::Store& store_;
  runtime::Log& log_;
  prometheus::Counter& lost_pulls_;
  prometheus::Counter& lost_refusals_;
  runtime::Mutex mutex_;
  runtime::CondVar wake_;
  std::vector<Draft> queue_ GUARDED_BY(mutex_);
  std::deque<Waiting> waiting_ GUARDED_BY(mutex_);  // at most one for each connection
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace portcall::registry
