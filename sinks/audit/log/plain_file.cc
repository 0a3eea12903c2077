#include "sinks/audit/log/plain_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <span>

namespace portcall::sinks::audit {
namespace {

constexpr std::size_t kMostOfSmall = 1 << 20, kPiece = 65'536;

Error Strange(const std::filesystem::path& path, const std::string& what) {
  return Error(Errc::kInvalid, path.string() + " is " + what +
                                   ", which the audit log never makes: somebody put it there; look into it and move "
                                   "it away");
}

}  // namespace

std::string WhyNotPlain(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return {};
  if (S_ISLNK(status.st_mode)) return "a symbolic link";
  if (S_ISDIR(status.st_mode)) return "a folder";
  return S_ISFIFO(status.st_mode) ? "a pipe" : "no regular file";
}

Result<runtime::Fd> OpenPlain(const std::filesystem::path& path, int flags, mode_t mode) {
  // A pipe would be waited for.
  Result<runtime::Fd> file = runtime::OpenFile(path, flags | O_NOFOLLOW | O_NONBLOCK, mode);
  struct stat status{};
  if (file && ::fstat(file->get(), &status) == 0 && S_ISREG(status.st_mode)) return file;
  if (const std::string what = WhyNotPlain(path); !what.empty()) return Strange(path, what);
  if (file) return Error(Errc::kUnavailable, path.string() + " changed while it was opened");
  return file;
}

Result<std::string> ReadPlain(const std::filesystem::path& path) {
  const Result<runtime::Fd> file = OpenPlain(path, O_RDONLY);
  if (!file) return file.error();
  std::string text(kMostOfSmall + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const Result<std::size_t> got = runtime::ReadAt(*file, std::span(text).subspan(filled), filled, path);
    if (!got) return got.error();
    if (*got == 0) break;
    filled += *got;
  }
  if (filled > kMostOfSmall) return Strange(path, "larger than a mebibyte");
  text.resize(filled);
  return text;
}

Result<void> CopyRange(const runtime::Fd& from, const std::filesystem::path& from_path, std::uint64_t begin,
                       std::uint64_t end, const runtime::Fd& to, const std::filesystem::path& to_path,
                       std::uint64_t at) {
  std::array<char, kPiece> piece;
  while (begin < end) {
    const std::size_t wanted = std::min<std::uint64_t>(piece.size(), end - begin);
    const Result<std::size_t> got = runtime::ReadAt(from, std::span(piece).first(wanted), begin, from_path);
    if (!got) return got.error();
    if (*got == 0) return Error(Errc::kUnavailable, from_path.string() + " became shorter while it was read");
    if (auto put = runtime::WriteAt(to, {piece.data(), *got}, at, to_path); !put) return put;
    begin += *got;
    at += *got;
  }
  return {};
}

}  // namespace portcall::sinks::audit
