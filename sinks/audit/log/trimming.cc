#include "sinks/audit/log/trimming.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "runtime/files.h"
#include "sinks/audit/log/note.h"
#include "sinks/audit/log/note_reader.h"
#include "sinks/audit/log/plain_file.h"
#include "sinks/audit/log/segments.h"

namespace portcall::sinks::audit {
namespace {

using std::filesystem::path;

constexpr std::string_view kPrefix = "checkpoints.trimmed";

// A copy of the bytes `from` to `to` of the checkpoints.
struct Copy {
  path file;
  std::uint64_t from = 0, to = 0;
};

path NameOf(const path& folder, std::uint64_t from, std::uint64_t to) {
  return folder / (std::string(kPrefix) + '-' + std::to_string(from) + '-' + std::to_string(to));
}

template <class F>
void ForEachCopy(const path& folder, F call) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error); !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    if (at->path().filename().string().starts_with(kPrefix)) call(at->path());
  }
}

std::optional<Copy> FindCopy(const path& folder) {
  std::optional<Copy> found;
  ForEachCopy(folder, [&](const path& file) {
    unsigned long long from = 0, to = 0;
    const std::string name = file.filename().string().substr(kPrefix.size());
    if (std::sscanf(name.c_str(), "-%llu-%llu", &from, &to) == 2 && from < to) found = Copy{file, from, to};
  });
  return found;
}

// Whether both files hold the same there: the notes before are unlike those of any other place.
Result<bool> EndsAlike(const Copy& copy, const runtime::Fd& copied, const runtime::Fd& notes, const path& notes_path) {
  const std::uint64_t length = std::min<std::uint64_t>(4'096, copy.to - copy.from);
  std::string ours(length, '\0'), theirs(length, '\0');
  const auto one = runtime::ReadAt(copied, ours, copy.to - copy.from - length, copy.file);
  if (!one) return one.error();
  const auto other = runtime::ReadAt(notes, theirs, copy.to - length, notes_path);
  if (!other) return other.error();
  return *one == length && *other == length && ours == theirs;
}

}  // namespace

Result<void> PrepareTrimming(const path& folder, std::uint64_t records) {
  const path source = folder / kCheckpoints;
  Result<NoteReader> notes = NoteReader::Open(source);
  if (!notes) return notes.error().code == Errc::kNotFound ? Result<void>() : notes.error();
  std::optional<std::uint64_t> from;
  std::uint64_t to = 0;
  while (true) {
    const auto note = notes->Next();
    if (!note) return note.error();
    if (!*note) break;
    if (!from) {
      const auto checkpoint = Checkpoint::Parse((*note)->text);
      if (checkpoint && checkpoint->size >= records) from = (*note)->begin;
      if (from == 0) return {};
    }
    to = (*note)->end;
  }
  if (!from) return {};
  std::error_code ignored;
  ForEachCopy(folder, [&](const path& old) { std::filesystem::remove(old, ignored); });
  const path fresh = folder / (std::string(kPrefix) + ".tmp");
  Result<runtime::Fd> file = OpenPlain(source, O_RDONLY);
  if (!file) return file.error();
  ::unlink(fresh.c_str());  // of a run that was cut short
  Result<runtime::Fd> copy = OpenPlain(fresh, O_WRONLY | O_CREAT | O_EXCL);
  if (!copy) return copy.error();
  if (auto copied = CopyRange(*file, source, *from, to, *copy, fresh, 0); !copied) return copied;
  if (auto synced = runtime::SyncData(*copy, fresh); !synced) return synced;
  if (std::rename(fresh.c_str(), NameOf(folder, *from, to).c_str()) == 0) return {};
  return runtime::FileError(errno, "renaming", fresh);
}

Result<std::uint64_t> FinishTrimming(const path& folder, std::uint64_t size) {
  const std::optional<Copy> copy = FindCopy(folder);
  if (!copy) return std::uint64_t{0};
  const path source = folder / kCheckpoints;
  const Result<runtime::Fd> notes = OpenPlain(source, O_RDONLY);
  if (!notes) return notes.error();
  const Result<runtime::Fd> copied = OpenPlain(copy->file, O_RDWR);
  if (!copied) return copied.error().code == Errc::kNotFound ? Result<std::uint64_t>(0) : copied.error();
  const Result<std::uint64_t> length = runtime::SizeOfFile(*copied, copy->file);
  if (!length) return length.error();
  bool fits = copy->to <= size && *length == copy->to - copy->from;
  if (fits) {
    const Result<bool> alike = EndsAlike(*copy, *copied, *notes, source);
    if (!alike) return alike.error();
    fits = *alike;
  }
  if (!fits) {  // of the file as it was before it was trimmed last, or healed
    std::error_code ignored;
    std::filesystem::remove(copy->file, ignored);
    return std::uint64_t{0};
  }
  if (auto added = CopyRange(*notes, source, copy->to, size, *copied, copy->file, *length); !added) {
    return added.error();
  }
  if (auto synced = runtime::SyncData(*copied, copy->file); !synced) return synced.error();
  if (std::rename(copy->file.c_str(), source.c_str()) != 0) {
    return errno == ENOENT ? Result<std::uint64_t>(0) : runtime::FileError(errno, "renaming", copy->file);
  }
  if (auto synced = runtime::SyncFolder(folder); !synced) return synced.error();
  return copy->from;
}

}  // namespace portcall::sinks::audit
