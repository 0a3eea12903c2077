#pragma once

#include <functional>
#include <list>
#include <vector>

#include "runtime/task.h"

namespace portcall::runtime {

// Counts the work that runs on one loop, so that nothing outlives what it uses. Closing refuses new work and tells the
// rest to stop; Drained() returns when the last Pass is gone. One thread only. The destructor asserts emptiness.
class Gate {
 public:
  using OnClose = std::function<void()>;

  // Move-only: its holder counts as inside until the pass is destroyed. It must not outlive the gate.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&& other) noexcept;
    ~Pass();
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    friend class Gate;
    Pass(Gate* gate, std::list<OnClose>::iterator place) : gate_(gate), place_(place) {}
    void Leave();
    Gate* gate_ = nullptr;
    std::list<OnClose>::iterator place_;
  };

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();

  // An empty Pass when the gate is closed. `on_close` is called at most once, on the gate's thread, and never after the
  // pass has left.
  [[nodiscard]] Pass Enter(OnClose on_close = {});
  void Close();
  bool closed() const { return closed_; }
  std::size_t inside() const { return inside_.size(); }

  // Every caller resumes once the gate is closed and empty.
  Task<> Drained();

 private:
  void MaybeDrained();
  std::list<OnClose> inside_;
  std::vector<Resume<bool>> waiting_;
  bool closed_ = false;
};

// Starts `task` on `executor`, inside `gate`; the only detached start in the program. An exception that leaves the
// task is a bug: it is logged and ends the process. Must be called on the gate's thread. False when the gate is closed.
bool Spawn(const Executor& executor, Gate& gate, Task<> task, Gate::OnClose on_close = {});

}  // namespace portcall::runtime
