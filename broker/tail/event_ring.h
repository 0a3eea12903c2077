#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "runtime/mutex.h"
#include "store/event.h"

namespace portcall::broker {

// The newest events of the log, shared by every endpoint. Bounded in bytes: when full the oldest leave, and who still
// wants them reads the log. Callable from any thread.
class EventRing {
 public:
  static constexpr std::size_t kMaxBytes = 16 << 20;

  explicit EventRing(store::Seq head, std::size_t max_bytes = kMaxBytes)
      : max_bytes_(max_bytes), floor_(head), head_(head) {}

  // In the order of seq. True: the readers sleep and want to be told; they are told once until they call Awake.
  bool Append(const std::vector<store::EventPtr>& events);
  void Awake();

  store::Seq head() const;
  // Up to `limit` events after `after`; nothing else lies between it and `through`. False: the ring does not reach back
  // that far.
  bool ReadAfter(store::Seq after, std::size_t limit, std::vector<store::EventPtr>& events, store::Seq& through) const;

 private:
  const std::size_t max_bytes_;
  mutable runtime::Mutex mutex_;
  std::deque<store::EventPtr> events_ GUARDED_BY(mutex_);
  // It holds every event in (floor, head].
  store::Seq floor_ GUARDED_BY(mutex_);
  store::Seq head_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool told_ GUARDED_BY(mutex_) = false;
};

}  // namespace portcall::broker
