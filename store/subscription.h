#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "store/event.h"

namespace portcall::store {

class Listeners;

// Somebody who hears of new events. Once it has ended nothing more is delivered, and no call is under way: its end
// waits for one, so it must not come from inside the call itself. It may end before its store or after it. Any thread.
class [[nodiscard]] Subscription {
 public:
  // With the events of one commit, in the order of seq, on a thread of the store, before the callers that appended them
  // learn that they are durable. Must not block, nor subscribe or end a subscription.
  using Hear = std::function<void(const std::vector<EventPtr>&)>;

  Subscription() = default;
  Subscription(std::shared_ptr<Listeners> listeners, Hear hear);
  Subscription(Subscription&& other) noexcept { swap(other); }
  Subscription& operator=(Subscription&& other) noexcept {
    Subscription(std::move(other)).swap(*this);
    return *this;
  }
  ~Subscription();

 private:
  void swap(Subscription& other) noexcept {
    listeners_.swap(other.listeners_);
    hear_.swap(other.hear_);
  }

  std::shared_ptr<Listeners> listeners_;
  std::unique_ptr<Hear> hear_;
};

}  // namespace portcall::store
