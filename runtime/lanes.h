#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/result.h"

namespace portcall::runtime {

// Runs one job after another, in the order in which they came, on a thread that serves nothing else: for what may never
// answer, as a folder on a volume that hangs, so that it delays nothing but what waits for the same.
class Lane : public std::enable_shared_from_this<Lane> {
 public:
  ~Lane();  // on any thread, its own too; the thread ends by itself
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Calls `job` once, on the thread. Callable from any thread, and never waits. The lane lasts until the job has ended,
  // whoever else lets go of it. After Lanes has gone the job is destroyed at once, without being called.
  template <class F>
  void Post(F job) {
    Push(std::make_unique<Holder<F>>(std::move(job)));
  }

 private:
  friend class Lanes;
  struct Core;
  struct Job {
    virtual ~Job() = default;
    virtual void Run() = 0;
    std::shared_ptr<Lane> lane;
  };
  template <class F>
  struct Holder final : Job {
    explicit Holder(F f) : call(std::move(f)) {}
    void Run() override { call(); }
    F call;
  };

  explicit Lane(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  void Push(std::unique_ptr<Job> job);
  static void Work(Core& core);
  const std::shared_ptr<Core> core_;
};

// The lanes of a process, by what each of them is for. Callable from any thread.
class Lanes {
 public:
  Lanes();
  ~Lanes();  // lets all jobs finish, however long that takes: call Await() before, where one may hang
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  // The one lane of that name, made where there is none; `name` is shown to operators. kUnavailable: no thread can be
  // had.
  Result<std::shared_ptr<Lane>> Of(const std::string& name);

  // Waits until no lane has a job, but not beyond `until`. The names of those that still have some.
  std::vector<std::string> Await(std::chrono::steady_clock::time_point until);

 private:
  friend class Lane;
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace portcall::runtime
