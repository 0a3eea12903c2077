#include "store/sqlite/job_queue.h"

#include <utility>

namespace portcall::store {

void JobQueue::List::Push(WriteJob& job) {
  job.next_ = nullptr;
  (last == nullptr ? first : last->next_) = &job;
  last = &job;
  ++size;
}

WriteJob* JobQueue::List::Pop() {
  if (first == nullptr) return nullptr;
  WriteJob* job = std::exchange(first, first->next_);
  if (first == nullptr) last = nullptr;
  --size;
  return job;
}

bool JobQueue::Push(WriteJob& job, Priority priority) {
  bool wake = false;
  {
    const runtime::MutexLock lock(mutex_);
    if (closed_) return false;
    job.priority_ = priority;
    (priority == Priority::kBackground ? background_ : waiting_).Push(job);
    wake = std::exchange(asleep_, false);
  }
  if (wake) arrived_.NotifyOne();
  return true;
}

void JobQueue::Close() {
  const runtime::MutexLock lock(mutex_);
  closed_ = true;
  arrived_.NotifyOne();
}

bool JobQueue::Await(std::chrono::milliseconds patience) {
  if (taken_.size > 0) return true;
  const auto until = std::chrono::steady_clock::now() + patience;
  const runtime::MutexLock lock(mutex_);
  asleep_ = !some();
  while (!some() && !closed_ && arrived_.WaitUntil(mutex_, until)) {
  }
  asleep_ = false;
  return some();
}

bool JobQueue::finished() {
  const runtime::MutexLock lock(mutex_);
  return closed_ && taken_.size == 0 && waiting_.size == 0 && background_.size == 0;
}

WriteJob* JobQueue::Take() {
  if (taken_.size == 0) {
    const runtime::MutexLock lock(mutex_);
    taken_ = std::exchange(waiting_, List());
  }
  return taken_.Pop();
}

WriteJob* JobQueue::TakeBackground() {
  const runtime::MutexLock lock(mutex_);
  return background_.Pop();
}

bool JobQueue::has_background() {
  const runtime::MutexLock lock(mutex_);
  return background_.size > 0;
}

std::size_t JobQueue::depth() {
  const runtime::MutexLock lock(mutex_);
  return waiting_.size + background_.size;
}

}  // namespace portcall::store
