#include "broker/tail/large_events.h"

#include <algorithm>
#include <utility>

namespace portcall::broker {
namespace {

constexpr std::size_t kFewest = 64;  // not swept below that

}  // namespace

void LargeEvents::Share(std::vector<store::EventPtr>& events) {
  for (store::EventPtr& event : events) {
    if (BytesOf(*event) < kLarge) continue;
    store::EventPtr known = [&] {
      const runtime::MutexLock lock(mutex_);
      return Known(event);
    }();
    event = std::move(known);  // the other one is freed without the lock
  }
}

void LargeEvents::Remember(const std::vector<store::EventPtr>& appended) {
  for (const store::EventPtr& event : appended) {
    if (BytesOf(*event) < kLarge) continue;
    const runtime::MutexLock lock(mutex_);
    (void)Known(event);
  }
}

store::EventPtr LargeEvents::Known(const store::EventPtr& event) {
  std::weak_ptr<const store::Event>& known = events_[event->seq];
  if (store::EventPtr living = known.lock()) return living;
  known = event;
  if (events_.size() >= sweep_at_) {
    std::erase_if(events_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max(kFewest, 2 * events_.size());
  }
  return event;
}

std::size_t LargeEvents::known() const {
  const runtime::MutexLock lock(mutex_);
  return events_.size();
}

}  // namespace portcall::broker
