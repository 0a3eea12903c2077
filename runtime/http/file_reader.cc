#include "runtime/http/file_reader.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "runtime/loops.h"

namespace portcall::http {
namespace {

using runtime::Cached;

constexpr std::size_t kScratch = 64UL * 1024;

bool ReadFully(int fd, std::uint64_t offset, std::span<char> into) {
  while (!into.empty()) {
    const ssize_t n = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return true;
}

// What memory holds of it, from its start.
std::size_t ReadCached(int fd, std::uint64_t offset, std::span<char> into) {
  const iovec buffer{into.data(), into.size()};
  const ssize_t n = ::preadv2(fd, &buffer, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

// Reading is what brings the bytes into memory and waits for them, on every file system.
bool ReadThrough(int fd, std::uint64_t offset, std::uint64_t length) {
  std::array<char, kScratch> scratch;
  const std::uint64_t end = offset + length;
  for (std::uint64_t at = offset; at < end; at += kScratch) {
    if (!ReadFully(fd, at, std::span(scratch).first(std::min<std::uint64_t>(kScratch, end - at)))) return false;
  }
  // The disk goes on while this part is sent.
  ::posix_fadvise(fd, static_cast<off_t>(end), static_cast<off_t>(length), POSIX_FADV_WILLNEED);
  return true;
}

}  // namespace

Task<bool> FileReader::Read(int fd, std::uint64_t offset, std::span<char> into) const {
  if (lane_.pool == nullptr) co_return ReadFully(fd, offset, into);
  if (lane_.assume.value_or(Cached::kYes) == Cached::kYes) {
    const std::size_t n = ReadCached(fd, offset, into);
    into = into.subspan(n);
    offset += n;
  }
  if (into.empty()) co_return true;
  auto read = [&] { return ReadFully(fd, offset, into); };
  co_return co_await runtime::RunOn(*lane_.pool, read);
}

Task<Cached> FileReader::Fetch(int fd, std::uint64_t offset, std::uint64_t length) const {
  if (lane_.pool == nullptr) co_return Cached::kYes;
  const Cached found = lane_.assume ? *lane_.assume : runtime::InPageCache(fd, offset, length);
  if (found != Cached::kNo) co_return found;
  auto fetch = [&] { return ReadThrough(fd, offset, length); };
  const bool fetched = co_await runtime::RunOn(*lane_.pool, fetch);
  co_return fetched ? Cached::kYes : Cached::kNo;
}

}  // namespace portcall::http
