#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/clock.h"
#include "store/catalog.h"

namespace portcall::registry {

// Rows of uploads that are still to be written, oldest first. One thread at a time: its owner guards it.
class UploadNotes {
 public:
  // Of memory, about. What does not fit is refused.
  static constexpr std::size_t kMaxBytes = 1 << 20;

  [[nodiscard]] bool Add(store::UploadRow row, runtime::SteadyTime due);  // `due` is no earlier than that of the last
  bool Cancel(std::string_view uuid);                                     // false: unknown, or being written
  std::optional<store::UploadRow> Find(std::string_view uuid) const;
  bool empty() const { return notes_.empty(); }
  std::optional<runtime::SteadyTime> next_due() const;

  // Those that are due, `limit` at most: they are being written until one of the next two.
  std::vector<store::UploadRow> Write(runtime::SteadyTime now, std::size_t limit);
  // The ids of those whose cancelling came too late.
  std::vector<std::string> Written(const std::vector<store::UploadRow>& rows);
  // They could not be written: they are due again then, which is no earlier than the last. Those that were cancelled
  // meanwhile are gone.
  void PutBack(const std::vector<store::UploadRow>& rows, runtime::SteadyTime due);

 private:
  struct Note {
    store::UploadRow row;
    runtime::SteadyTime due;
    bool writing = false, cancelled = false;
  };
  void Erase(std::list<Note>::iterator note);

  std::list<Note> notes_;
  std::unordered_map<std::string_view, std::list<Note>::iterator> index_;  // by the rows' own ids, which do not move
  std::size_t bytes_ = 0;
};

}  // namespace portcall::registry
