#pragma once

#include <vector>

#include "runtime/mutex.h"
#include "store/subscription.h"

namespace portcall::store {

// A store's subscribers, as its engine tells them. Callable from any thread; one Tell at a time.
class Listeners {
 public:
  void Tell(const std::vector<EventPtr>& events);
  void Add(const Subscription::Hear& hear);
  void Remove(const Subscription::Hear& hear);  // waits for a Tell that is under way

 private:
  runtime::Mutex mutex_;
  std::vector<const Subscription::Hear*> all_ GUARDED_BY(mutex_);
};

}  // namespace portcall::store
