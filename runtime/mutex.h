#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

// These tell Clang's thread-safety analysis which mutex guards what; it refuses to compile code that does not hold it.
// Other compilers ignore them.
#if defined(__clang__)
#define PORTCALL_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define PORTCALL_THREAD_ANNOTATION(x)
#endif
#define GUARDED_BY(mutex) PORTCALL_THREAD_ANNOTATION(guarded_by(mutex))
#define REQUIRES(mutex) PORTCALL_THREAD_ANNOTATION(requires_capability(mutex))  // of a function: its caller holds it

namespace portcall::runtime {

// std::mutex with the annotations; nothing is added to it. Only MutexLock takes it, so it is always released.
class PORTCALL_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  constexpr Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

 private:
  friend class MutexLock;
  friend class CondVar;
  void Lock() PORTCALL_THREAD_ANNOTATION(acquire_capability()) { native_.lock(); }
  void Unlock() PORTCALL_THREAD_ANNOTATION(release_capability()) { native_.unlock(); }
  std::mutex native_;
};

// Holds the mutex while it lives.
class PORTCALL_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) PORTCALL_THREAD_ANNOTATION(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() PORTCALL_THREAD_ANNOTATION(release_capability()) { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// std::condition_variable for a Mutex. Waits have no condition of their own, since the analysis cannot see the lock
// inside a lambda, and may end without cause: wait in a loop,
//   while (queue_.empty()) arrived_.Wait(mutex_);
//   while (queue_.empty() && arrived_.WaitUntil(mutex_, deadline)) {}
class CondVar {
 public:
  // Releases `mutex` while it waits, and holds it again when it returns.
  void Wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock lock(mutex.native_, std::adopt_lock);
    changed_.wait(lock);
    lock.release();
  }
  // False: `until` has passed.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point until) REQUIRES(mutex) {
    std::unique_lock lock(mutex.native_, std::adopt_lock);
    const bool early = changed_.wait_until(lock, until) == std::cv_status::no_timeout;
    lock.release();
    return early;
  }
  void NotifyOne() { changed_.notify_one(); }
  void NotifyAll() { changed_.notify_all(); }

 private:
  std::condition_variable changed_;
};

}  // namespace portcall::runtime
