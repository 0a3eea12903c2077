#include "runtime/regular_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <string>

namespace portcall::runtime {

const char* KindOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a pipe";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

Error NotAFile(const std::filesystem::path& path, mode_t mode) {
  return Error(Errc::kUnavailable, path.string() + " is " + KindOf(mode) + ", not a file: move it away");
}

Result<Fd> OnlyFile(Fd opened, const std::filesystem::path& path) {
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0) return FileError(errno, "looking at", path);
  if (S_ISREG(status.st_mode)) return opened;
  return NotAFile(path, status.st_mode);
}

}  // namespace portcall::runtime
