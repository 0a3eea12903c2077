#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace portcall::http {

// Threads for name lookups alone. Nothing can cancel a lookup, which lasts for half a minute where no name server
// answers, so that they share no thread with other work, and the end of the process leaves those under way behind.
// Copies are the same threads. Callable from any thread.
class LookupThreads {
 public:
  // So many names may hang before another one waits for a thread. A thread ends when nothing is to be looked up.
  static constexpr std::size_t kMost = 64;

  LookupThreads();
  // Calls `job` once on one of the threads, also when this object has gone meanwhile: it owns what it touches. False:
  // no thread can be had, and it is not called.
  [[nodiscard]] bool Run(std::function<void()> job);

 private:
  struct State;
  static void Work(State& state);
  std::shared_ptr<State> state_;
};

}  // namespace portcall::http
