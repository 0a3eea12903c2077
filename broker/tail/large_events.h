#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "runtime/mutex.h"
#include "store/event.h"

namespace portcall::broker {

// Knows the large events that anybody holds, so that one that is read of the log again is there once, however many
// endpoints wait with it. Keeps none alive. Small ones are not worth the look: what an endpoint holds of them is
// bounded by itself. Callable from any thread.
class LargeEvents {
 public:
  static constexpr std::size_t kLarge = 16 << 10;  // bytes

  // Puts those that are held already in the place of equal ones, which are those of the same seq; remembers the others.
  void Share(std::vector<store::EventPtr>& events);
  void Remember(const std::vector<store::EventPtr>& appended);

  std::size_t known() const;  // those that are gone are forgotten now and then

 private:
  store::EventPtr Known(const store::EventPtr& event) REQUIRES(mutex_);  // itself where it was not known

  mutable runtime::Mutex mutex_;
  std::map<store::Seq, std::weak_ptr<const store::Event>> events_ GUARDED_BY(mutex_);
  std::size_t sweep_at_ GUARDED_BY(mutex_) = 0;
};

}  // namespace portcall::broker
