#include "store/blobs/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace portcall::store {

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Error FileError(int error, std::string_view what, const std::filesystem::path& path) {
  Errc code = Errc::kUnavailable;
  if (error == ENOENT) code = Errc::kNotFound;
  if (error == ENOSPC || error == EDQUOT) code = Errc::kNoSpace;
  return Error(code, std::string(what) + " " + path.string() + ": " + std::generic_category().message(error));
}

Result<Fd> OpenFile(const std::filesystem::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) return FileError(errno, "opening", path);
  return Fd(fd);
}

Result<std::uint64_t> SizeOfFile(const Fd& file, const std::filesystem::path& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return FileError(errno, "looking at", path);
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> WriteAt(const Fd& file, std::span<const char> bytes, std::uint64_t offset,
                     const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0) {
      if (errno == EINTR) continue;
      return FileError(errno, "writing", path);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<void> SyncFile(const Fd& file, const std::filesystem::path& path) {
  if (::fsync(file.get()) != 0) return FileError(errno, "syncing", path);
  return {};
}

Result<void> SyncFolder(const std::filesystem::path& folder) {
  Result<Fd> fd = OpenFile(folder, O_RDONLY | O_DIRECTORY);
  if (!fd) return fd.error();
  return SyncFile(*fd, folder);
}

Result<void> MakeFolders(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0755) == 0) return SyncFolder(folder.parent_path());
  if (errno == EEXIST) return {};
  if (errno != ENOENT) return FileError(errno, "making", folder);
  if (Result<void> parent = MakeFolders(folder.parent_path()); !parent) return parent;
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return FileError(errno, "making", folder);
  return SyncFolder(folder.parent_path());
}

Result<void> ReadThrough(const Fd& file, const std::filesystem::path& path,
                         const std::function<void(std::string_view)>& feed) {
  std::vector<char> buffer(1 << 20);
  std::uint64_t offset = 0;
  while (true) {
    const ssize_t n = ::pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(errno, "reading", path);
    if (n == 0) return {};
    feed(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
    offset += static_cast<std::uint64_t>(n);
  }
}

}  // namespace portcall::store
