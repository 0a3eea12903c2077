#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/result.h"

namespace portcall::store {

// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// errno as a Result's error: ENOENT is kNotFound, ENOSPC and EDQUOT are kNoSpace, the rest kUnavailable; the detail
// names what was tried and the path.
Error FileError(int error, std::string_view what, const std::filesystem::path& path);

Result<Fd> OpenFile(const std::filesystem::path& path, int flags);
Result<std::uint64_t> SizeOfFile(const Fd& file, const std::filesystem::path& path);
Result<void> WriteAt(const Fd& file, std::span<const char> bytes, std::uint64_t offset,
                     const std::filesystem::path& path);
Result<void> SyncFile(const Fd& file, const std::filesystem::path& path);
// Makes the names in a folder durable.
Result<void> SyncFolder(const std::filesystem::path& folder);
// Creates what is missing of `folder` and makes the new names durable.
Result<void> MakeFolders(const std::filesystem::path& folder);
// Feeds the file from the start, in pieces.
Result<void> ReadThrough(const Fd& file, const std::filesystem::path& path,
                         const std::function<void(std::string_view)>& feed);

}  // namespace portcall::store
