#include "broker/tail/event_ring.h"

#include <algorithm>
#include <utility>

namespace portcall::broker {

namespace {

store::Seq SeqOf(const store::EventPtr& event) { return event->seq; }

}  // namespace

bool EventRing::Append(const std::vector<store::EventPtr>& events) {
  const runtime::MutexLock lock(mutex_);
  for (const store::EventPtr& event : events) {
    if (event->seq <= head_) continue;
    if (event->seq != head_ + 1) {  // something was appended that we were not told of: the log has it
      events_.clear();
      bytes_ = 0;
      floor_ = event->seq - 1;
    }
    head_ = event->seq;
    bytes_ += BytesOf(*event);
    events_.push_back(event);
  }
  while (bytes_ > max_bytes_ && !events_.empty()) {
    floor_ = events_.front()->seq;
    bytes_ -= BytesOf(*events_.front());
    events_.pop_front();
  }
  return !std::exchange(told_, true);
}

void EventRing::Awake() {
  const runtime::MutexLock lock(mutex_);
  told_ = false;
}

store::Seq EventRing::head() const {
  const runtime::MutexLock lock(mutex_);
  return head_;
}

bool EventRing::ReadAfter(store::Seq after, std::size_t limit, std::vector<store::EventPtr>& events,
                          store::Seq& through) const {
  events.clear();
  const runtime::MutexLock lock(mutex_);
  if (after < floor_) return false;
  auto at = std::ranges::upper_bound(events_, after, {}, SeqOf);
  for (; at != events_.end() && events.size() < limit; ++at) events.push_back(*at);
  through = at == events_.end() ? std::max(after, head_) : events.back()->seq;
  return true;
}

}  // namespace portcall::broker
