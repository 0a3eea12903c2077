#include "registry/recording/recorder.h"

#include <prometheus/counter.h>

#include <algorithm>
#include <utility>

#include "store/event_log.h"

namespace portcall::registry {
namespace {

// Small enough that a request's transaction never waits long behind one of these.
constexpr std::size_t kPerTransaction = 256;
// A commit costs an fsync: under load a few milliseconds gather many pulls for one.
constexpr std::chrono::milliseconds kGather{5};

}  // namespace

Recorder::Recorder(store::Store& store, runtime::Log& log, runtime::Metrics& metrics, const runtime::Clock& clock,
                   Pace pace, std::function<bool()> log_is_full)
    : store_(store),
      log_(log),
      lost_pulls_(metrics.Count("portcall_pull_events_lost_total",
                                "Pull events that the store refused, with events.pull: relaxed")),
      lost_refusals_(metrics.Count("portcall_refusal_events_lost_total",
                                   "Events of refused requests that the store refused, with audit.refused")),
      clock_(clock),
      pace_(pace),
      log_is_full_(std::move(log_is_full)),
      tally_(pace.refusals),
      thread_([this] { Run(); }) {}

Recorder::~Recorder() {
  {
    const runtime::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyOne();
}

Task<Result<void>> Recorder::RecordPull(Draft draft, config::PullEvents mode) {
  if (mode == config::PullEvents::kOff) co_return Result<void>();
  if (mode == config::PullEvents::kDurable) co_return co_await WriteDurably(std::move(draft));
  if (!TryQueue(draft)) co_await Queue(std::move(draft));
  co_return Result<void>();
}

Task<Result<void>> Recorder::WriteDurably(Draft draft) {
  const store::Event event = Seal(std::move(draft));
  auto append = [&event](store::Tx& tx) -> Result<void> {
    store::Append(tx, event);
    return {};
  };
  co_return co_await store_.Write(append);
}

// False: it was counted. Queues what was counted in a minute that is over.
bool Recorder::IsSingle(const Draft& draft) {
  std::vector<RefusalTally::Folded> ended;
  bool begins = false, single = false;
  {
    const runtime::MutexLock lock(mutex_);
    const runtime::SteadyTime now = clock_.Ticks();
    if (tally_.over(now)) ended = tally_.Take();
    begins = !tally_.end();
    single = tally_.IsSingle(draft, now);
  }
  if (begins) wake_.NotifyOne();
  QueueFolded(std::move(ended));
  return single;
}

Task<> Recorder::RecordRefusal(Draft draft) {
  if (IsSingle(draft) && !TryQueue(draft)) co_await Queue(std::move(draft));
}

void Recorder::RecordRefusalIfRoom(Draft draft) {
  if (IsSingle(draft) && !TryQueue(draft)) lost_refusals_.Increment();
}

// Waits for room.
Task<> Recorder::Queue(Draft draft) {
  auto wait = [this, &draft](Resume<bool> resume) {
    {
      const runtime::MutexLock lock(mutex_);
      waiting_.push_back({std::move(draft), std::move(resume)});
    }
    wake_.NotifyOne();
  };
  co_await Suspend<bool>(wait);
}

bool Recorder::TryQueue(Draft& draft) {
  const std::size_t bytes = BytesOf(draft);
  const runtime::MutexLock lock(mutex_);
  if (!waiting_.empty() || (queue_bytes_ + bytes > kQueueBytes && !queue_.empty())) return false;
  Push(std::move(draft), bytes);
  return true;
}

void Recorder::Push(Draft draft, std::size_t bytes) {
  queue_.push_back(std::move(draft));
  queue_bytes_ += bytes;
  if (queue_.size() == 1 || queue_.size() == kPerTransaction) wake_.NotifyOne();
}

// Even beyond kQueueBytes: they are no more than RefusalTally::kMaxBytes in a minute.
void Recorder::QueueFolded(std::vector<RefusalTally::Folded> folded) {
  std::vector<Draft> drafts;
  drafts.reserve(folded.size());
  for (RefusalTally::Folded& one : folded) drafts.push_back(std::move(one).Seal());
  const runtime::MutexLock lock(mutex_);
  for (Draft& draft : drafts) {
    const std::size_t bytes = BytesOf(draft);
    Push(std::move(draft), bytes);
  }
}

bool Recorder::Note(store::UploadRow row) {
  const runtime::MutexLock lock(mutex_);
  const bool first = notes_.empty();
  if (!notes_.Add(std::move(row), clock_.Ticks() + pace_.notes)) return false;
  if (first) wake_.NotifyOne();
  return true;
}

bool Recorder::CancelNote(const std::string& uuid) {
  const runtime::MutexLock lock(mutex_);
  return notes_.Cancel(uuid);
}

std::optional<store::UploadRow> Recorder::FindNote(const std::string& uuid) {
  const runtime::MutexLock lock(mutex_);
  return notes_.Find(uuid);
}

void Recorder::Run() {
  Work work;
  while (Await(work)) {
    Commit(work.drafts);
    work.drafts.clear();
    while (work.notes) work.notes = CommitNotes(work.last);
  }
}

bool Recorder::Await(Work& work) {
  std::vector<RefusalTally::Folded> folded;
  std::vector<Resume<bool>> admitted;
  {
    const runtime::MutexLock lock(mutex_);
    if (!WaitForWork()) return false;
    const auto until = std::chrono::steady_clock::now() + kGather;
    while (!stopping_ && !queue_.empty() && queue_.size() < kPerTransaction && wake_.WaitUntil(mutex_, until)) {
    }
    const runtime::SteadyTime now = clock_.Ticks();
    work.last = stopping_;
    work.notes = notes_.next_due() && (stopping_ || now >= *notes_.next_due());
    if (stopping_ || tally_.over(now)) folded = tally_.Take();
    work.drafts.swap(queue_);
    queue_bytes_ = 0;
    admitted = Admit();
  }
  for (Resume<bool>& resume : admitted) resume(true);
  for (RefusalTally::Folded& one : folded) work.drafts.push_back(std::move(one).Seal());
  return true;
}

bool Recorder::WaitForWork() {
  while (queue_.empty() && waiting_.empty()) {
    const auto due = NextDue();
    if (stopping_) return due.has_value();
    if (!due) {
      wake_.Wait(mutex_);
      continue;
    }
    const auto left = *due - clock_.Ticks();
    if (left <= left.zero()) return true;
    wake_.WaitUntil(mutex_, std::chrono::steady_clock::now() + left);
  }
  return true;
}

std::optional<runtime::SteadyTime> Recorder::NextDue() const {
  const auto note = notes_.next_due(), minute = tally_.end();
  if (note && minute) return std::min(*note, *minute);
  return note ? note : minute;
}

std::vector<Resume<bool>> Recorder::Admit() {
  std::vector<Resume<bool>> admitted;
  while (!waiting_.empty()) {
    const std::size_t bytes = BytesOf(waiting_.front().draft);
    if (queue_bytes_ + bytes > kQueueBytes && !queue_.empty()) break;
    Push(std::move(waiting_.front().draft), bytes);
    admitted.push_back(std::move(waiting_.front().resume));
    waiting_.pop_front();
  }
  return admitted;
}

void Recorder::Commit(std::span<Draft> drafts) {
  for (std::size_t from = 0; from < drafts.size(); from += kPerTransaction) {
    const auto part = drafts.subspan(from, std::min(kPerTransaction, drafts.size() - from));
    Lost lost;
    for (const Draft& draft : part) ++(draft.event.action == store::Action::kRefused ? lost.refusals : lost.pulls);
    if (const Result<void> done = Write(part)) {
      TellRecovered();
    } else {
      CountLost(lost, done.error());
    }
  }
}

Result<void> Recorder::Write(std::span<Draft> drafts) {
  if (log_is_full_ && log_is_full_()) return Error(Errc::kNoSpace, "the event log is full (events.onfull: refuse)");
  std::vector<store::Event> events;
  events.reserve(drafts.size());
  for (Draft& draft : drafts) events.push_back(Seal(std::move(draft)));
  return store_.WriteNow([&events](store::Tx& tx) -> Result<void> {
    for (const store::Event& event : events) store::Append(tx, event);
    return {};
  });
}

bool Recorder::CommitNotes(bool all) {
  std::vector<store::UploadRow> rows;
  {
    const runtime::MutexLock lock(mutex_);
    rows = notes_.Write(all ? runtime::SteadyTime::max() : clock_.Ticks(), kPerTransaction);
  }
  if (rows.empty()) return false;
  const Result<void> done = store_.WriteNow(
      [&rows](store::Tx& tx) -> Result<void> {
        for (const store::UploadRow& row : rows) store::PutUpload(tx, row);
        return {};
      },
      store::Priority::kSettlement);
  if (!done && !std::exchange(notes_fail_, true)) {
    log_.Warn("uploads not noted for purging, which finds them in the tree until they are",
              {{"err.detail", done.error().detail}});
  }
  if (done) notes_fail_ = false;
  std::vector<std::string> late;
  {
    const runtime::MutexLock lock(mutex_);
    if (done || all) {
      late = notes_.Written(rows);
    } else {
      notes_.PutBack(rows, clock_.Ticks() + pace_.notes);
    }
  }
  if (done) DeleteRows(late);
  return (done || all) && rows.size() == kPerTransaction;
}

// Whoever cancelled them may have deleted their rows before these were written. What stays is left to purging.
void Recorder::DeleteRows(const std::vector<std::string>& uuids) {
  if (uuids.empty()) return;
  (void)store_.WriteNow(
      [&uuids](store::Tx& tx) -> Result<void> {
        for (const std::string& uuid : uuids) store::DeleteUpload(tx, uuid);
        return {};
      },
      store::Priority::kSettlement);
}

void Recorder::CountLost(const Lost& lost, const Error& error) {
  lost_pulls_.Increment(static_cast<double>(lost.pulls));
  lost_refusals_.Increment(static_cast<double>(lost.refusals));
  lost_.pulls += lost.pulls;
  lost_.refusals += lost.refusals;
  if (losing_ == error.detail) return;
  losing_ = error.detail;
  log_.Error("events of pulls and refused requests are lost until they can be recorded again",
             {{"err.detail", error.detail}});
}

void Recorder::TellRecovered() {
  if (losing_.empty()) return;
  log_.Warn("events of pulls and refused requests are recorded again",
            {{"lost_pulls", std::to_string(lost_.pulls)}, {"lost_refusals", std::to_string(lost_.refusals)}});
  losing_.clear();
  lost_ = {};
}

}  // namespace portcall::registry
