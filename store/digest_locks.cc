#include "store/digest_locks.h"

namespace portcall::store {

Task<DigestLocks::Held> DigestLocks::Acquire(std::string digest) {
  bool mine = false;
  {
    const runtime::MutexLock lock(mutex_);
    mine = held_.try_emplace(digest).second;
  }
  if (!mine) {
    auto wait = [this, &digest](Resume<bool> resume) {
      {
        const runtime::MutexLock lock(mutex_);
        const auto [place, free] = held_.try_emplace(digest);
        if (!free) {
          place->second.push_back(std::move(resume));
          return;
        }
      }
      resume(true);
    };
    co_await Suspend<bool>(wait);
  }
  co_return Held(this, std::move(digest));
}

void DigestLocks::Release(const std::string& digest) {
  Resume<bool> next;
  {
    const runtime::MutexLock lock(mutex_);
    const auto place = held_.find(digest);
    if (place->second.empty()) {
      held_.erase(place);
      return;
    }
    next = std::move(place->second.front());
    place->second.pop_front();
  }
  next(true);
}

}  // namespace portcall::store
