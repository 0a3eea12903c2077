#include "runtime/named_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <system_error>

#include "runtime/files.h"
#include "runtime/regular_file.h"

namespace portcall::runtime {

namespace {

std::string Shown(std::size_t bytes) {
  return bytes % (1 << 20) == 0 ? std::to_string(bytes >> 20) + " MiB" : std::to_string(bytes >> 10) + " KiB";
}

// Looked at before it is opened, since opening some devices does something, and after, since it may be another one.
Result<void> Fits(const struct stat& status, std::size_t most) {
  if (!S_ISREG(status.st_mode))
    return Error(Errc::kInvalid, std::string("is ") + KindOf(status.st_mode) + ", not a file");
  if (static_cast<std::uint64_t>(status.st_size) > most) return Error(Errc::kInvalid, "is larger than " + Shown(most));
  return {};
}

Result<Fd> OpenNamed(const std::filesystem::path& path, std::size_t most) {
  const auto refuse = [](const char* what) {
    return Error(errno == ENOENT ? Errc::kNotFound : Errc::kInvalid,
                 errno == ENOENT ? "does not exist" : what + std::generic_category().message(errno));
  };
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return refuse("cannot be looked at: ");
  if (Result<void> fits = Fits(status, most); !fits) return fits.error();
  Fd file(::open(path.c_str(), O_RDONLY | kOpenWithoutWaiting));
  if (!file || ::fstat(file.get(), &status) != 0) return refuse("cannot be read by this user: ");
  if (Result<void> fits = Fits(status, most); !fits) return fits.error();
  return file;
}

}  // namespace

Result<void> CheckNamed(const std::filesystem::path& path, std::size_t most) {
  const Result<Fd> file = OpenNamed(path, most);
  return file ? Result<void>() : file.error();
}

Result<std::string> ReadNamed(const std::filesystem::path& path, std::size_t most) {
  const Result<Fd> file = OpenNamed(path, most);
  if (!file) return file.error();
  std::string text(most + 1, '\0');  // one more: a file of the kernel has no size, and this one may grow
  std::size_t size = 0;
  for (;;) {
    const Result<std::size_t> n = ReadAt(*file, std::span(text).subspan(size), size, path);
    if (!n) return Error(Errc::kInvalid, "cannot be read: " + n.error().detail);
    size += *n;
    if (size > most) return Error(Errc::kInvalid, "is larger than " + Shown(most));
    if (*n == 0) break;
  }
  text.resize(size);
  return text;
}

}  // namespace portcall::runtime
