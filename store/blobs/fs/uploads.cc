#include "store/blobs/fs/uploads.h"

#include <boost/asio/post.hpp>

namespace portcall::store {

std::optional<Uploads::Turn> Uploads::Take(const std::string& uuid) {
  const runtime::MutexLock lock(mutex_);
  const auto [place, added] = entries_.try_emplace(uuid);
  Entry& entry = place->second;
  if (entry.taken) return std::nullopt;
  if (!added) ListOf(entry).erase(entry.age);
  entry.taken = true;
  return std::optional<Turn>(std::in_place, this, uuid, std::move(entry.state));
}

std::optional<Uploads::Shown> Uploads::Look(const std::string& uuid) const {
  const runtime::MutexLock lock(mutex_);
  const auto place = entries_.find(uuid);
  if (place == entries_.end() || !place->second.size) return std::nullopt;
  return Shown{*place->second.size, place->second.taken};
}

void Uploads::Show(const std::string& uuid, std::uint64_t size) {
  const runtime::MutexLock lock(mutex_);
  entries_.at(uuid).size = size;
}

void Uploads::GiveBack(const std::string& uuid, std::unique_ptr<Upload> state) {
  runtime::Fd surplus, forgotten;
  {
    const runtime::MutexLock lock(mutex_);
    const auto place = entries_.find(uuid);
    if (state == nullptr) {
      entries_.erase(place);
      return;
    }
    Entry& entry = place->second;
    entry.size = state->size;
    entry.state = std::move(state);
    entry.taken = false;
    Ages& ages = ListOf(entry);
    entry.age = ages.insert(ages.end(), uuid);
    if (open_.size() > most_open_) surplus = CloseOldest();
    if (open_.size() + closed_.size() > kMost) forgotten = ForgetOldest();
  }
  for (runtime::Fd* file : {&surplus, &forgotten}) {
    if (*file) asio::post(lane_, [closes = std::move(*file)] {});
  }
}

bool Uploads::CloseOne() {
  runtime::Fd closes;
  const runtime::MutexLock lock(mutex_);
  if (!open_.empty()) closes = CloseOldest();
  return static_cast<bool>(closes);
}

runtime::Fd Uploads::CloseOldest() {
  Upload& upload = *entries_.find(open_.front())->second.state;
  closed_.splice(closed_.end(), open_, open_.begin());
  return std::exchange(upload.file, runtime::Fd());
}

runtime::Fd Uploads::ForgetOldest() {
  Ages& ages = closed_.empty() ? open_ : closed_;
  const auto place = entries_.find(ages.front());
  runtime::Fd file = std::move(place->second.state->file);
  entries_.erase(place);
  ages.pop_front();
  return file;
}

}  // namespace portcall::store
