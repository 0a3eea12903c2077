#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/result.h"

namespace portcall::runtime {

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

// errno as an error: ENOENT is kNotFound; a full disk, quota or size limit is kNoSpace; the rest is kUnavailable. The
// detail names what was tried and the path.
Error FileError(int error, std::string_view what, const std::filesystem::path& path);

Result<Fd> OpenFile(const std::filesystem::path& path, int flags, mode_t mode = 0644);  // waits for no pipe
Result<std::uint64_t> SizeOfFile(const Fd& file, const std::filesystem::path& path);
// Writes all of `bytes`; after an error some of them may be in the file.
Result<void> WriteAt(const Fd& file, std::string_view bytes, std::uint64_t offset, const std::filesystem::path& path);
// Reads at most the size of `into`; 0: the end of the file.
Result<std::size_t> ReadAt(const Fd& file, std::span<char> into, std::uint64_t offset,
                           const std::filesystem::path& path);
Result<void> SyncFile(const Fd& file, const std::filesystem::path& path);
Result<void> SyncData(const Fd& file, const std::filesystem::path& path);  // with the metadata needed to read it
Result<void> Truncate(const Fd& file, std::uint64_t size, const std::filesystem::path& path);
bool IsNamed(const Fd& file, const std::filesystem::path& path);  // the path leads to this very file
// Makes the names in a folder durable.
Result<void> SyncFolder(const std::filesystem::path& folder);
// What a file holds, and its name.
Result<void> SyncNamed(const std::filesystem::path& path);
// Creates the missing folders of the path `folder` and makes their names durable.
Result<void> MakeFolders(const std::filesystem::path& folder, mode_t mode = 0755);
// kConflict: something has the new name.
Result<void> RenameUnlessThere(const std::filesystem::path& from, const std::filesystem::path& to);
Result<std::string> ReadWhole(const std::filesystem::path& path);
// Atomic: even after a crash the file holds either `text` or its old content. Durable on return.
Result<void> ReplaceFile(const std::filesystem::path& path, std::string_view text, mode_t mode = 0644);
// The same of a new file: kConflict where there is one, which stays as it is. Where the file system can neither rename
// without replacing nor link, a crash may leave an empty file.
Result<void> MakeFile(const std::filesystem::path& path, std::string_view text, mode_t mode = 0644);
// The same with what an open file holds, and its mode.
Result<void> CopyToNewFile(const Fd& from, const std::filesystem::path& path);
bool HoldsSame(const Fd& file, const std::filesystem::path& path);  // byte by byte; false also where it cannot be read

}  // namespace portcall::runtime
