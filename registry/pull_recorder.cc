#include "registry/pull_recorder.h"

#include <prometheus/counter.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "store/event_log.h"

namespace portcall::registry {
namespace {

// Small enough that a request's transaction never waits long behind one of these.
constexpr std::size_t kPerTransaction = 256;
// A commit costs an fsync: under load a few milliseconds gather many pulls for one.
constexpr std::chrono::milliseconds kGather{5};

}  // namespace

PullRecorder::PullRecorder(store::Store& store, runtime::Log& log, runtime::Metrics& metrics)
    : store_(store),
      log_(log),
      lost_(metrics.Count("portcall_pull_events_lost_total",
                          "Pull events that the store refused, with events.pull: relaxed")),
      thread_([this] { Run(); }) {}

PullRecorder::~PullRecorder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
}

Task<Result<void>> PullRecorder::Record(Draft draft, config::PullEvents mode) {
  if (mode == config::PullEvents::kOff) co_return Result<void>();
  if (mode == config::PullEvents::kDurable) {
    const store::Event event = Seal(std::move(draft));
    auto append = [&event](store::Tx& tx) -> Result<void> {
      store::Append(tx, event);
      return {};
    };
    co_return co_await store_.Write(append);
  }
  if (TryQueue(draft)) co_return Result<void>();
  auto wait = [this, &draft](Resume<bool> resume) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back({std::move(draft), std::move(resume)});
    }
    wake_.notify_one();
  };
  co_await Suspend<bool>(wait);
  co_return Result<void>();
}

bool PullRecorder::TryQueue(Draft& draft) {
  std::size_t queued = 0;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kQueue) return false;
    queue_.push_back(std::move(draft));
    queued = queue_.size();
  }
  if (queued == 1 || queued == kPerTransaction) wake_.notify_one();
  return true;
}

bool PullRecorder::Take(std::vector<Draft>& batch) {
  std::vector<Resume<bool>> admitted;
  {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty() || !waiting_.empty(); });
    wake_.wait_for(lock, kGather, [this] { return stopping_ || queue_.size() >= kPerTransaction; });
    batch.swap(queue_);
    while (!waiting_.empty() && queue_.size() < kQueue) {
      queue_.push_back(std::move(waiting_.front().draft));
      admitted.push_back(std::move(waiting_.front().resume));
      waiting_.pop_front();
    }
  }
  for (Resume<bool>& resume : admitted) resume(true);
  return !batch.empty() || !admitted.empty();
}

void PullRecorder::Run() {
  std::vector<Draft> batch;
  while (true) {
    if (Take(batch)) {
      Commit(batch);
      batch.clear();
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (stopping_ && queue_.empty() && waiting_.empty()) return;
  }
}

void PullRecorder::Commit(std::vector<Draft>& batch) {
  for (std::size_t from = 0; from < batch.size(); from += kPerTransaction) {
    const auto part = std::span(batch).subspan(from, std::min(kPerTransaction, batch.size() - from));
    std::vector<store::Event> events;
    events.reserve(part.size());
    for (Draft& draft : part) events.push_back(Seal(std::move(draft)));
    const Result<void> done = store_.WriteNow([&events](store::Tx& tx) -> Result<void> {
      for (const store::Event& event : events) store::Append(tx, event);
      return {};
    });
    if (done) continue;
    lost_.Increment(static_cast<double>(events.size()));
    log_.Error("pull events lost", {{"count", std::to_string(events.size())}, {"err.detail", done.error().detail}});
  }
}

}  // namespace portcall::registry
