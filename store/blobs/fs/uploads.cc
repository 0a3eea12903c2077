#include "store/blobs/fs/uploads.h"

namespace portcall::store {

std::optional<Uploads::Turn> Uploads::Take(const std::string& uuid) {
  const runtime::MutexLock lock(mutex_);
  const auto [place, added] = entries_.try_emplace(uuid);
  Entry& entry = place->second;
  if (entry.taken) return std::nullopt;
  if (!added) ages_.erase(entry.age);
  entry.taken = true;
  return std::optional<Turn>(std::in_place, this, uuid, std::move(entry.state));
}

void Uploads::GiveBack(const std::string& uuid, std::unique_ptr<Upload> state) {
  const runtime::MutexLock lock(mutex_);
  const auto place = entries_.find(uuid);
  if (state == nullptr) {
    entries_.erase(place);
    return;
  }
  Entry& entry = place->second;
  entry.state = std::move(state);
  entry.taken = false;
  entry.age = ages_.insert(ages_.end(), uuid);
  if (ages_.size() > kMost) {
    entries_.erase(ages_.front());
    ages_.pop_front();
  }
}

}  // namespace portcall::store
