#include "registry/catalog/busy_uploads.h"

namespace portcall::registry {

Task<BusyUploads::Stamp> BusyUploads::Settled(std::string uuid) {
  while (true) {
    {
      const runtime::MutexLock lock(mutex_);
      const auto found = busy_.find(uuid);
      if (found == busy_.end()) co_return Stamp{0};
      if (!found->second.changing) co_return found->second.stamp;
    }
    co_await WaitFor(uuid);
  }
}

Task<BusyUploads::Hold> BusyUploads::Take(std::string uuid, std::optional<Stamp> as_of) {
  while (true) {
    {
      const runtime::MutexLock lock(mutex_);
      const auto found = busy_.find(uuid);
      if (as_of && *as_of != (found == busy_.end() ? 0 : found->second.stamp)) co_return Hold();
      Entry& entry = busy_[uuid];
      if (!entry.changing) {
        entry.turn = entry.stamp = ++turns_;
        co_return Hold(this, std::move(uuid), entry.turn);
      }
    }
    co_await WaitFor(uuid);
  }
}

Task<> BusyUploads::WaitFor(const std::string& uuid) {
  co_await Suspend<bool>([&](Resume<bool> resume) {
    if (!Wait(uuid, resume)) resume(true);
  });
}

// False: the change has ended meanwhile.
bool BusyUploads::Wait(const std::string& uuid, Resume<bool>& resume) {
  const runtime::MutexLock lock(mutex_);
  const auto found = busy_.find(uuid);
  if (found == busy_.end() || !found->second.changing) return false;
  found->second.waiting.push_back(std::move(resume));
  return true;
}

BusyUploads::Hold BusyUploads::TryTake(const std::string& uuid) {
  const runtime::MutexLock lock(mutex_);
  const auto [entry, added] = busy_.try_emplace(uuid);
  if (!added) return {};
  entry->second.turn = entry->second.stamp = ++turns_;
  return {this, uuid, entry->second.turn};
}

bool BusyUploads::Begin(const Hold& hold) {
  const runtime::MutexLock lock(mutex_);
  const auto found = busy_.find(hold.uuid_);
  if (found == busy_.end() || found->second.turn != hold.turn_) return false;
  found->second.changing = true;
  return true;
}

void BusyUploads::End(const Hold& hold) {
  std::vector<Resume<bool>> waiting;
  {
    const runtime::MutexLock lock(mutex_);
    Entry& entry = busy_.at(hold.uuid_);
    entry.changing = false;
    entry.stamp = ++turns_;
    waiting.swap(entry.waiting);
  }
  for (Resume<bool>& resume : waiting) resume(true);
}

void BusyUploads::Release(const Hold& hold) {
  const runtime::MutexLock lock(mutex_);
  const auto found = busy_.find(hold.uuid_);
  if (found != busy_.end() && found->second.turn == hold.turn_) busy_.erase(found);
}

}  // namespace portcall::registry
