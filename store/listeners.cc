#include "store/listeners.h"

namespace portcall::store {

void Listeners::Tell(const std::vector<EventPtr>& events) {
  const runtime::MutexLock lock(mutex_);
  for (const Subscription::Hear* hear : all_) (*hear)(events);
}

void Listeners::Add(const Subscription::Hear& hear) {
  const runtime::MutexLock lock(mutex_);
  all_.push_back(&hear);
}

void Listeners::Remove(const Subscription::Hear& hear) {
  const runtime::MutexLock lock(mutex_);
  std::erase(all_, &hear);
}

Subscription::Subscription(std::shared_ptr<Listeners> listeners, Hear hear)
    : listeners_(std::move(listeners)), hear_(std::make_unique<Hear>(std::move(hear))) {
  listeners_->Add(*hear_);
}

Subscription::~Subscription() {
  if (listeners_) listeners_->Remove(*hear_);
}

}  // namespace portcall::store
