#include "registry/recording/pull_recorder.h"

#include <prometheus/counter.h>

#include <algorithm>
#include <chrono>
#include <iterator>
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
      lost_pulls_(metrics.Count("portcall_pull_events_lost_total",
                                "Pull events that the store refused, with events.pull: relaxed")),
      lost_refusals_(metrics.Count("portcall_refusal_events_lost_total",
                                   "Events of refused requests that the store refused, with audit.refused")),
      thread_([this] { Run(); }) {}

PullRecorder::~PullRecorder() {
  {
    const runtime::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyOne();
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
      const runtime::MutexLock lock(mutex_);
      waiting_.push_back({std::move(draft), std::move(resume)});
    }
    wake_.NotifyOne();
  };
  co_await Suspend<bool>(wait);
  co_return Result<void>();
}

void PullRecorder::Add(std::vector<Draft> drafts) {
  if (drafts.empty()) return;
  {
    const runtime::MutexLock lock(mutex_);
    std::ranges::move(drafts, std::back_inserter(queue_));
  }
  wake_.NotifyOne();
}

bool PullRecorder::TryQueue(Draft& draft) {
  std::size_t queued = 0;
  {
    const runtime::MutexLock lock(mutex_);
    if (queue_.size() >= kQueue) return false;
    queue_.push_back(std::move(draft));
    queued = queue_.size();
  }
  if (queued == 1 || queued == kPerTransaction) wake_.NotifyOne();
  return true;
}

bool PullRecorder::Take(std::vector<Draft>& batch) {
  std::vector<Resume<bool>> admitted;
  {
    const runtime::MutexLock lock(mutex_);
    while (!stopping_ && queue_.empty() && waiting_.empty()) wake_.Wait(mutex_);
    const auto until = std::chrono::steady_clock::now() + kGather;
    while (!stopping_ && queue_.size() < kPerTransaction && wake_.WaitUntil(mutex_, until)) {
    }
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
    const runtime::MutexLock lock(mutex_);
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
    if (!done) CountLost(events, done.error());
  }
}

void PullRecorder::CountLost(std::span<const store::Event> events, const Error& error) {
  const auto refusals = std::ranges::count(events, store::Action::kRefused, &store::Event::action);
  const auto pulls = std::ssize(events) - refusals;
  lost_pulls_.Increment(static_cast<double>(pulls));
  lost_refusals_.Increment(static_cast<double>(refusals));
  for (const auto& [what, count] : {std::pair("pull events lost", pulls), std::pair("refusal events lost", refusals)}) {
    if (count > 0) log_.Error(what, {{"count", std::to_string(count)}, {"err.detail", error.detail}});
  }
}

}  // namespace portcall::registry
