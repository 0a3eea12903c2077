#include "runtime/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "runtime/regular_file.h"

namespace portcall::runtime {
Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Error FileError(int error, std::string_view what, const std::filesystem::path& path) {
  Errc code = Errc::kUnavailable;
  if (error == ENOENT) code = Errc::kNotFound;
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) code = Errc::kNoSpace;
  return Error(code, std::string(what) + " " + path.string() + ": " + std::generic_category().message(error));
}

Result<Fd> OpenFile(const std::filesystem::path& path, int flags, mode_t mode) {
  Fd opened(::open(path.c_str(), flags | kOpenWithoutWaiting, mode));
  if (!opened) return FileError(errno, "opening", path);
  return OnlyFile(std::move(opened), path);
}

Result<std::uint64_t> SizeOfFile(const Fd& file, const std::filesystem::path& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return FileError(errno, "looking at", path);
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> WriteAt(const Fd& file, std::string_view bytes, std::uint64_t offset, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return FileError(n == 0 ? ENOSPC : errno, "writing", path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<std::size_t> ReadAt(const Fd& file, std::span<char> into, std::uint64_t offset,
                           const std::filesystem::path& path) {
  for (;;) {
    const ssize_t n = ::pread(file.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return FileError(errno, "reading", path);
  }
}

Result<void> SyncFile(const Fd& file, const std::filesystem::path& path) {
  if (::fsync(file.get()) != 0) return FileError(errno, "syncing", path);
  return {};
}

Result<void> SyncData(const Fd& file, const std::filesystem::path& path) {
  if (::fdatasync(file.get()) != 0) return FileError(errno, "syncing", path);
  return {};
}

Result<void> Truncate(const Fd& file, std::uint64_t size, const std::filesystem::path& path) {
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) return FileError(errno, "cutting", path);
  return {};
}

bool IsNamed(const Fd& file, const std::filesystem::path& path) {
  struct stat open{};
  struct stat named{};
  return ::fstat(file.get(), &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

Result<void> SyncFolder(const std::filesystem::path& folder) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return FileError(errno, "opening", folder);
  return SyncFile(fd, folder);
}

Result<void> MakeFolders(const std::filesystem::path& folder, mode_t mode) {
  const std::filesystem::path parent = folder.has_parent_path() ? folder.parent_path() : ".";
  if (::mkdir(folder.c_str(), mode) == 0) return SyncFolder(parent);
  if (errno == EEXIST) return {};
  if (errno != ENOENT || parent == folder) return FileError(errno, "making", folder);
  if (Result<void> made = MakeFolders(parent, mode); !made) return made;
  if (::mkdir(folder.c_str(), mode) != 0 && errno != EEXIST) return FileError(errno, "making", folder);
  return SyncFolder(parent);
}

namespace {

Result<void> SyncFolderOf(const std::filesystem::path& path) {
  return SyncFolder(path.has_parent_path() ? path.parent_path() : ".");
}

// Calls `take(piece, offset)` for all that the file holds, until one gives an error.
template <class F>
Result<void> ForEachPiece(const Fd& file, const std::filesystem::path& path, F take) {
  std::array<char, 65536> buffer;
  for (std::uint64_t at = 0;;) {
    const Result<std::size_t> n = ReadAt(file, buffer, at, path);
    if (!n) return n.error();
    if (*n == 0) return {};
    if (Result<void> taken = take(std::string_view(buffer.data(), *n), at); !taken) return taken;
    at += *n;
  }
}

Result<void> Rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return FileError(errno, "renaming", from);
  return {};
}

Error NotRenamed(int error, const std::filesystem::path& from, const std::filesystem::path& to) {
  if (error == EEXIST) return Error(Errc::kConflict, to.string() + " is there already");
  return FileError(error, "renaming", from);
}

// Takes the name with an empty file, which nobody else can have made, and replaces that.
Result<void> RenameOverOwn(const std::filesystem::path& from, const std::filesystem::path& to) {
  const int own = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (own < 0) return NotRenamed(errno, from, to);
  ::close(own);  // some file systems replace no file that is open
  Result<void> renamed = Rename(from, to);
  if (!renamed) ::unlink(to.c_str());
  return renamed;
}

auto Writing(std::string_view text) {
  return [text](const Fd& file, const std::filesystem::path& fresh) { return WriteAt(file, text, 0, fresh); };
}

// `write` fills it, `publish` gives it its name.
template <class W, class F>
Result<void> WriteFile(const std::filesystem::path& path, mode_t mode, W write, F publish) {
  const std::filesystem::path fresh = path.string() + ".tmp";
  ::unlink(fresh.c_str());
  Result<Fd> file = OpenFile(fresh, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (!file) return file.error();
  Result<void> done = write(*file, fresh);
  if (done) done = SyncData(*file, fresh);
  if (done) done = publish(fresh, path);
  if (!done) {
    ::unlink(fresh.c_str());
    return done;
  }
  return SyncFolderOf(path);
}

}  // namespace

Result<std::string> ReadWhole(const std::filesystem::path& path) {
  const Result<Fd> file = OpenFile(path, O_RDONLY);
  if (!file) return file.error();
  std::string text;
  const Result<void> read = ForEachPiece(*file, path, [&text](std::string_view piece, std::uint64_t) -> Result<void> {
    text += piece;
    return {};
  });
  if (!read) return read.error();
  return text;
}

Result<void> RenameUnlessThere(const std::filesystem::path& from, const std::filesystem::path& to) {
  const auto unknown = [](int error) {  // to the file system
    return error == EINVAL || error == ENOSYS || error == EPERM || error == EOPNOTSUPP || error == EMLINK;
  };
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (!unknown(errno)) return NotRenamed(errno, from, to);
  if (::link(from.c_str(), to.c_str()) == 0) {
    ::unlink(from.c_str());
    return {};
  }
  return unknown(errno) ? RenameOverOwn(from, to) : NotRenamed(errno, from, to);
}

Result<void> SyncNamed(const std::filesystem::path& path) {
  const Result<Fd> file = OpenFile(path, O_RDONLY);
  if (!file) return file.error();
  if (Result<void> synced = SyncFile(*file, path); !synced) return synced;
  return SyncFolderOf(path);
}

Result<void> ReplaceFile(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  return WriteFile(path, mode, Writing(text), &Rename);
}

Result<void> MakeFile(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  return WriteFile(path, mode, Writing(text), &RenameUnlessThere);
}

Result<void> CopyToNewFile(const Fd& from, const std::filesystem::path& path) {
  struct stat status{};
  if (::fstat(from.get(), &status) != 0) return FileError(errno, "reading", path);
  const auto copy = [&from](const Fd& to, const std::filesystem::path& fresh) {
    return ForEachPiece(from, fresh,
                        [&](std::string_view piece, std::uint64_t at) { return WriteAt(to, piece, at, fresh); });
  };
  return WriteFile(path, status.st_mode & 07777, copy, &RenameUnlessThere);
}

bool HoldsSame(const Fd& file, const std::filesystem::path& path) {
  const Result<Fd> other = OpenFile(path, O_RDONLY);
  if (!other) return false;
  const Result<std::uint64_t> size = SizeOfFile(file, path), there = SizeOfFile(*other, path);
  if (!size || !there || *size != *there) return false;
  std::array<char, 65536> same;
  const Result<void> equal = ForEachPiece(file, path, [&](std::string_view piece, std::uint64_t at) -> Result<void> {
    const Result<std::size_t> n = ReadAt(*other, std::span(same).first(piece.size()), at, path);
    if (n && piece == std::string_view(same.data(), *n)) return {};
    return Error(Errc::kConflict, path.string() + " holds something else");
  });
  return static_cast<bool>(equal);
}

}  // namespace portcall::runtime
