#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"

namespace portcall::sinks::audit {

// The names in an audit log's folder. A segment is named after its first record; what is closed may be compressed.
inline constexpr const char* kCheckpoints = "checkpoints";    // signed notes, oldest first, a blank line between
inline constexpr const char* kRetained = "retained";          // where the chain begins since records were removed
inline constexpr const char* kState = "state";                // what a start needs not read again
inline constexpr const char* kPrivateKey = "checkpoint.key";  // unless the configuration names another
inline constexpr const char* kPublicKey = "checkpoint.pub";   // the verifier key

struct Segment {
  std::uint64_t first = 0;  // n of its first record
  bool compressed = false;
  std::filesystem::path file;
};
std::string SegmentName(std::uint64_t first);  // audit-<twenty digits>.jsonl
// In order. Where a segment lies there both compressed and not, what is not compressed counts: the work was cut short.
// What has a segment's name and is no regular file is none: it goes to `strange`.
Result<std::vector<Segment>> ListSegments(const std::filesystem::path& folder,
                                          std::vector<std::filesystem::path>* strange = nullptr);

// The lines of a segment, one after another.
class LineReader {
 public:
  enum class Got {
    kLine,
    kUnfinished,  // bytes without a line's end at the end of the file
    kEnd,
    kDamaged,  // what is there is no line and no compressed data; trouble() says why
    kFailed,   // the file cannot be read; trouble() says why
  };

  // `offset` is one of the bytes before compression, and only 0 where they are compressed. A segment may be compressed
  // between its listing and its turn: then that is read.
  static Result<LineReader> Open(const Segment& segment, std::uint64_t offset = 0);
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;
  ~LineReader();

  // `line` holds until the next call.
  Got Next(std::string_view& line);
  std::uint64_t offset() const { return offset_; }  // after the line last got, before compression
  std::uint64_t bytes_read() const;                 // of the file
  const std::string& trouble() const { return trouble_; }

 private:
  struct Source;
  explicit LineReader(std::unique_ptr<Source> source, std::uint64_t offset);
  bool Fill();

  std::unique_ptr<Source> source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t offset_;
  std::string trouble_;
};

// Replaces a closed segment by its compressed form, which is complete under its name or not there.
Result<void> Compress(const Segment& segment);

}  // namespace portcall::sinks::audit
