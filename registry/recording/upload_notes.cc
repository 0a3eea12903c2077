#include "registry/recording/upload_notes.h"

#include <utility>

namespace portcall::registry {
namespace {

std::size_t BytesOf(const store::UploadRow& row) {
  constexpr std::size_t kAllocations = 192;  // nodes of list and index with what surrounds them
  return sizeof(store::UploadRow) + row.uuid.size() + row.repository.size() + kAllocations;
}

}  // namespace

bool UploadNotes::Add(store::UploadRow row, runtime::SteadyTime due) {
  const std::size_t bytes = BytesOf(row);
  if (bytes_ + bytes > kMaxBytes) return false;
  bytes_ += bytes;
  notes_.push_back({std::move(row), due});
  index_.emplace(notes_.back().row.uuid, std::prev(notes_.end()));
  return true;
}

bool UploadNotes::Cancel(std::string_view uuid) {
  const auto found = index_.find(uuid);
  if (found == index_.end()) return false;
  if (found->second->writing) {
    found->second->cancelled = true;
    return false;
  }
  Erase(found->second);
  return true;
}

std::optional<store::UploadRow> UploadNotes::Find(std::string_view uuid) const {
  const auto found = index_.find(uuid);
  return found == index_.end() || found->second->cancelled ? std::nullopt : std::optional(found->second->row);
}

std::optional<runtime::SteadyTime> UploadNotes::next_due() const {
  return notes_.empty() ? std::nullopt : std::optional(notes_.front().due);
}

std::vector<store::UploadRow> UploadNotes::Write(runtime::SteadyTime now, std::size_t limit) {
  std::vector<store::UploadRow> rows;
  for (Note& note : notes_) {
    if (rows.size() == limit || note.due > now) break;
    note.writing = true;
    rows.push_back(note.row);
  }
  return rows;
}

std::vector<std::string> UploadNotes::Written(const std::vector<store::UploadRow>& rows) {
  std::vector<std::string> late;
  for (const store::UploadRow& row : rows) {
    const auto found = index_.find(row.uuid);
    if (found == index_.end()) continue;
    if (found->second->cancelled) late.push_back(row.uuid);
    Erase(found->second);
  }
  return late;
}

void UploadNotes::PutBack(const std::vector<store::UploadRow>& rows, runtime::SteadyTime due) {
  for (const store::UploadRow& row : rows) {
    const auto found = index_.find(row.uuid);
    if (found == index_.end()) continue;
    const auto note = found->second;
    if (note->cancelled) {
      Erase(note);
      continue;
    }
    note->writing = false;
    note->due = due;
    notes_.splice(notes_.end(), notes_, note);
  }
}

void UploadNotes::Erase(std::list<Note>::iterator note) {
  bytes_ -= BytesOf(note->row);
  index_.erase(note->row.uuid);
  notes_.erase(note);
}

}  // namespace portcall::registry
