#include "runtime/page_cache.h"

#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace portcall::runtime {
namespace {

// As Linux 6.5 has it; Debian 12's headers are older.
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
struct CacheRange {
  std::uint64_t offset, length;
};
struct CacheCount {
  std::uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

// Where there is no cachestat(2): as far apart as the least that the kernel reads ahead.
constexpr std::uint64_t kSample = 64UL * 1024;

// One byte that is in memory is read; 0: it is behind the end.
int LookAt(int fd, std::uint64_t offset) {
  char byte = 0;
  const iovec into{&byte, 1};
  return ::preadv2(fd, &into, 1, static_cast<off_t>(offset), RWF_NOWAIT) < 0 ? errno : 0;
}

bool InMemory(int fd) {
  struct statfs system{};
  return ::fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

}  // namespace

Cached InPageCache(int fd, std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return Cached::kYes;
  // First, because a network's file system may ask its server also for what is in memory. It refuses RWF_NOWAIT.
  const int first = LookAt(fd, offset);
  if (first == EOPNOTSUPP || first == EINVAL || first == ENOSYS) return InMemory(fd) ? Cached::kYes : Cached::kUnknown;
  if (first != 0) return Cached::kNo;

  static const auto kPage = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  CacheRange range{offset, length};
  CacheCount count{};
  if (::syscall(SYS_cachestat, fd, &range, &count, 0) == 0) {
    const std::uint64_t pages = (offset + length - 1) / kPage - offset / kPage + 1;
    return count.cached >= pages ? Cached::kYes : Cached::kNo;
  }
  const std::uint64_t last = offset + length - 1;
  for (std::uint64_t at = offset + kSample; at < last; at += kSample) {
    if (LookAt(fd, at) != 0) return Cached::kNo;
  }
  return LookAt(fd, last) == 0 ? Cached::kYes : Cached::kNo;
}

}  // namespace portcall::runtime
