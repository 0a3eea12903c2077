#include "sinks/audit/log/note_reader.h"

#include <fcntl.h>

#include <algorithm>

#include "sinks/audit/log/note.h"
#include "sinks/audit/log/plain_file.h"

namespace portcall::sinks::audit {
namespace {

constexpr std::size_t kPiece = 65'536;
constexpr std::size_t kLongest = 1'048'576;  // longer is no note: the file was damaged
constexpr std::size_t kLongestMark = 8;      // of what begins a signature, behind a note's text

}  // namespace

Result<NoteReader> NoteReader::Open(std::filesystem::path file, std::uint64_t from) {
  Result<runtime::Fd> opened = OpenPlain(file, O_RDONLY);
  if (!opened) return opened.error();
  return NoteReader(std::move(file), std::move(*opened), from);
}

Result<std::optional<NoteReader::Note>> NoteReader::Next() {
  while (true) {
    // Another signature may follow, as long as what comes next is not seen.
    const std::optional<NoteSpan> span = NextNote(buffer_, at_);
    if (span && (ended_ || span->end + kLongestMark <= buffer_.size())) {
      Advance(span->begin);
      const std::uint64_t line = line_;
      Advance(span->end);
      return std::optional<Note>({std::string_view(buffer_).substr(span->begin, span->end - span->begin),
                                  base_ + span->begin, base_ + span->end, line});
    }
    if (ended_) return std::optional<Note>();
    if (auto read = ReadMore(); !read) return read.error();
  }
}

void NoteReader::Advance(std::size_t to) {
  const std::string_view passed = std::string_view(buffer_).substr(at_, to - at_);
  line_ += static_cast<std::uint64_t>(std::ranges::count(passed, '\n'));
  at_ = to;
}

Result<void> NoteReader::ReadMore() {
  if (buffer_.size() - at_ > kLongest) Advance(buffer_.size() - kLongestMark);
  buffer_.erase(0, at_);
  base_ += at_;
  at_ = 0;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kPiece);
  const Result<std::size_t> got = runtime::ReadAt(file_, std::span(buffer_).subspan(before), base_ + before, path_);
  if (!got) return got.error();
  buffer_.resize(before + *got);
  ended_ = *got == 0;
  return {};
}

}  // namespace portcall::sinks::audit
