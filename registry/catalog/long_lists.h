#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <utility>

#include "runtime/task.h"

namespace portcall::registry {

// Whose turn it is to make a long list: one at a time, so that all that lists take while they are made is what one of
// them takes. Who waits goes in the order of coming. Callable from any loop; it outlives its turns.
class LongLists {
 public:
  static constexpr std::size_t kWaiters = 256;  // more are refused at once

  LongLists();
  ~LongLists();

  class Turn {
   public:
    Turn() = default;
    Turn(Turn&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Turn& operator=(Turn&& other) noexcept {
      std::swap(owner_, other.owner_);
      return *this;
    }
    ~Turn() {
      if (owner_ != nullptr) owner_->Pass();
    }
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    friend class LongLists;
    explicit Turn(LongLists* owner) : owner_(owner) {}
    LongLists* owner_ = nullptr;
  };

  // Empty: it has not come by then, too many wait already, or `gone` has said that nobody wants it any more; that is
  // said on the caller's loop.
  Task<Turn> Take(std::chrono::steady_clock::time_point until, std::stop_token gone);

 private:
  struct State;
  void Pass();
  const std::shared_ptr<State> state_;
};

}  // namespace portcall::registry
