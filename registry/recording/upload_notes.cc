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
  if (found == notes_.end()) return false;
  if (found->second.writing) {
    found->second.ended = true;
  } else {
    notes_.erase(found);
  }
  return true;
}

std::optional<store::UploadRow> UploadNotes::Find(const std::string& uuid) {
  const runtime::MutexLock lock(mutex_);
  const auto found = notes_.find(uuid);
  if (found == notes_.end() || found->second.ended) return std::nullopt;
  return found->second.row;
}

std::vector<store::UploadRow> UploadNotes::TakeDue(bool all) {
  const auto now = std::chrono::steady_clock::now();
  std::vector<store::UploadRow> rows;
  const runtime::MutexLock lock(mutex_);
  for (auto& [uuid, note] : notes_) {
    if (rows.size() == kPerTransaction) break;
    if (note.due > now && !all) continue;
    note.writing = true;
    rows.push_back(note.row);
  }
  return rows;
}

std::vector<std::string> UploadNotes::Written(const std::vector<store::UploadRow>& rows) {
  std::vector<std::string> ended;
  const runtime::MutexLock lock(mutex_);
  for (const store::UploadRow& row : rows) {
    const auto note = notes_.find(row.uuid);
    if (note->second.ended) ended.push_back(row.uuid);
    notes_.erase(note);
  }
  return ended;
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
  const std::vector<store::UploadRow> rows = TakeDue(all);
  if (rows.empty()) return false;
  const auto put = [&rows](store::Tx& tx) -> Result<void> {
    for (const store::UploadRow& row : rows) store::PutUpload(tx, row);
    return {};
  };
  const Result<void> done = store_.WriteNow(put, store::Priority::kSettlement);
  // Only purging misses these uploads: their files stay, and their clients may go on.
  if (!done) log_.Warn("uploads not noted for purging", {{"err.detail", done.error().detail}});
  const std::vector<std::string> ended = Written(rows);
  if (ended.empty()) return rows.size() == kPerTransaction;
  const auto drop = [&ended](store::Tx& tx) -> Result<void> {
    for (const std::string& uuid : ended) store::DeleteUpload(tx, uuid);
    return {};
  };
  // Purging finds what stays, and that there is nothing behind it.
  if (auto dropped = store_.WriteNow(drop, store::Priority::kSettlement); !dropped) {
    log_.Warn("upload rows left behind", {{"err.detail", dropped.error().detail}});
  }
  return rows.size() == kPerTransaction;
}

}  // namespace portcall::registry
