#include "registry/upload_notes.h"

#include <utility>

namespace portcall::registry {
namespace {

// Small enough that a request's transaction never waits long behind one of these.
constexpr std::size_t kPerTransaction = 256;

}  // namespace

UploadNotes::UploadNotes(store::Store& store, runtime::Log& log, std::chrono::milliseconds delay)
    : store_(store), log_(log), delay_(delay), thread_([this] { Run(); }) {}

UploadNotes::~UploadNotes() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
}

bool UploadNotes::Add(store::UploadRow row) {
  const auto due = std::chrono::steady_clock::now() + delay_;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (notes_.size() >= kMost) return false;
    first = notes_.empty();
    std::string uuid = row.uuid;
    notes_.emplace(std::move(uuid), Note{std::move(row), due, false});
  }
  if (first) wake_.notify_one();
  return true;
}

bool UploadNotes::Cancel(const std::string& uuid) {
  const std::lock_guard lock(mutex_);
  const auto found = notes_.find(uuid);
  if (found == notes_.end() || found->second.writing) return false;
  notes_.erase(found);
  return true;
}

std::optional<store::UploadRow> UploadNotes::Find(const std::string& uuid) {
  const std::lock_guard lock(mutex_);
  const auto found = notes_.find(uuid);
  return found == notes_.end() ? std::nullopt : std::optional(found->second.row);
}

Result<void> UploadNotes::Put(store::Tx& tx, bool all, std::vector<std::string>& put) {
  const auto now = std::chrono::steady_clock::now();
  std::vector<store::UploadRow> rows;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [uuid, note] : notes_) {
      if (rows.size() == kPerTransaction) break;
      if (note.due > now && !all) continue;
      note.writing = true;
      rows.push_back(note.row);
      put.push_back(uuid);
    }
  }
  // An error rolls back, so that it costs no commit.
  if (rows.empty()) return Error(Errc::kNotFound, "nothing is due");
  for (const store::UploadRow& row : rows) store::PutUpload(tx, row);
  return {};
}

void UploadNotes::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !notes_.empty(); });
    wake_.wait_for(lock, delay_, [this] { return stopping_; });
    const bool last = stopping_;
    for (bool more = !notes_.empty(); more;) {
      lock.unlock();
      std::vector<std::string> put;
      const auto put_due = [&](store::Tx& tx) { return Put(tx, last, put); };
      const Result<void> done = store_.WriteNow(put_due, store::Priority::kSettlement);
      // The files stay, and their clients may go on: only purging does not know of them.
      if (!done && done.error().code != Errc::kNotFound) {
        log_.Warn("uploads not noted for purging", {{"err.detail", done.error().detail}});
      }
      lock.lock();
      for (const std::string& uuid : put) notes_.erase(uuid);
      more = put.size() == kPerTransaction;
    }
    if (last) return;
  }
}

}  // namespace portcall::registry
