#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/files.h"
#include "runtime/result.h"

namespace portcall::sinks::audit {

// The notes of a file, one after another, with little of it in memory: there may be one a minute for years.
class NoteReader {
 public:
  struct Note {
    std::string_view text;             // until the next call
    std::uint64_t begin = 0, end = 0;  // in the file
    std::uint64_t line = 0;            // where it begins, from 1
  };

  static Result<NoteReader> Open(std::filesystem::path file, std::uint64_t from = 0);
  // Nothing: there is no whole one any more.
  Result<std::optional<Note>> Next();
  bool left() const { return at_ < buffer_.size(); }  // bytes behind the last one, once there is none any more

 private:
  NoteReader(std::filesystem::path path, runtime::Fd file, std::uint64_t from)
      : path_(std::move(path)), file_(std::move(file)), base_(from) {}
  Result<void> ReadMore();
  void Advance(std::size_t to);

  std::filesystem::path path_;
  runtime::Fd file_;
  std::string buffer_;
  std::uint64_t base_;      // of the buffer in the file
  std::size_t at_ = 0;      // what comes next in the buffer
  std::uint64_t line_ = 1;  // of that
  bool ended_ = false;
};

}  // namespace portcall::sinks::audit
