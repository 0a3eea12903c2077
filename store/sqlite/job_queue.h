#pragma once

#include <chrono>
#include <cstddef>

#include "runtime/mutex.h"
#include "store/write_job.h"

namespace portcall::store {

// Jobs on their way to the writer: those that somebody waits for, and background jobs. They are linked through their
// callers' frames: the queue allocates nothing, and holds at most one job per suspended caller, whose number the
// callers' own limits bound. Any number of threads push, one takes.
class JobQueue {
 public:
  bool Push(WriteJob& job, Priority priority);  // false: closed, the job was not taken
  void Close();

  // Sleeps until there is a job (true), or the queue is closed and empty or `patience` is over (false).
  bool Await(std::chrono::milliseconds patience);
  bool finished();
  WriteJob* Take();            // the next that somebody waits for, null for none
  WriteJob* TakeBackground();  // the next of the others
  static Priority PriorityOf(const WriteJob& job) { return job.priority_; }
  bool has_background();
  std::size_t depth();

 private:
  bool some() const REQUIRES(mutex_) { return waiting_.size > 0 || background_.size > 0; }

  struct List {
    WriteJob* first = nullptr;
    WriteJob* last = nullptr;
    std::size_t size = 0;
    void Push(WriteJob& job);
    WriteJob* Pop();
  };

  List taken_;  // the taker's own, so that it locks once for many jobs
  runtime::Mutex mutex_;
  runtime::CondVar arrived_;
  List waiting_ GUARDED_BY(mutex_);
  List background_ GUARDED_BY(mutex_);
  bool asleep_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace portcall::store
