#include "registry/recording/upload_notes.h"

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
    const runtime::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyOne();
}

bool UploadNotes::Add(store::UploadRow row) {
  const auto due = std::chrono::steady_clock::now() + delay_;
  bool first = false;
  {
    const runtime::MutexLock lock(mutex_);
    if (notes_.size() >= kMost) return false;
    first = notes_.empty();
    std::string uuid = row.uuid;
    notes_.emplace(std::move(uuid), Note{std::move(row), due, false});
  }
  if (first) wake_.NotifyOne();
  return true;
}

bool UploadNotes::Cancel(const std::string& uuid) {
  const runtime::MutexLock lock(mutex_);
  const auto found = notes_.find(uuid);
  if (found == notes_.end() || found->second.writing) return false;
  notes_.erase(found);
  return true;
}

std::optional<store::UploadRow> UploadNotes::Find(const std::string& uuid) {
  const runtime::MutexLock lock(mutex_);
  const auto found = notes_.find(uuid);
  return found == notes_.end() ? std::nullopt : std::optional(found->second.row);
}

Result<void> UploadNotes::Put(store::Tx& tx, bool all, std::vector<std::string>& put) {
  const auto now = std::chrono::steady_clock::now();
  std::vector<store::UploadRow> rows;
  {
    const runtime::MutexLock lock(mutex_);
    for (auto& [uuid, note] : notes_) {
      if (rows.size() == kPerTransaction) break;
      if (note.due > now && !all) continue;
      note.writing = true;
      rows.push_back(note.row);
      put.push_back(uuid);
    }
  }
  // Fails on purpose: an error rolls the transaction back, which saves an empty commit.
  if (rows.empty()) return Error(Errc::kNotFound, "nothing is due");
  for (const store::UploadRow& row : rows) store::PutUpload(tx, row);
  return {};
}

void UploadNotes::Run() {
  bool last = false;
  while (!last) {
    bool more = false;
    {
      const runtime::MutexLock lock(mutex_);
      while (!stopping_ && notes_.empty()) wake_.Wait(mutex_);
      const auto until = std::chrono::steady_clock::now() + delay_;
      while (!stopping_ && wake_.WaitUntil(mutex_, until)) {
      }
      last = stopping_;
      more = !notes_.empty();
    }
    while (more) more = Commit(last);
  }
}

bool UploadNotes::Commit(bool all) {
  std::vector<std::string> put;
  const auto put_due = [&](store::Tx& tx) { return Put(tx, all, put); };
  const Result<void> done = store_.WriteNow(put_due, store::Priority::kSettlement);
  // Only purging misses these uploads: their files stay, and their clients may go on.
  if (!done && done.error().code != Errc::kNotFound) {
    log_.Warn("uploads not noted for purging", {{"err.detail", done.error().detail}});
  }
  const runtime::MutexLock lock(mutex_);
  for (const std::string& uuid : put) notes_.erase(uuid);
  return put.size() == kPerTransaction;
}

}  // namespace portcall::registry
