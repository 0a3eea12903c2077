#include "sinks/audit/log/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "sinks/audit/log/plain_file.h"

namespace portcall::sinks::audit {
namespace {

constexpr const char* kLock = "lock";

}  // namespace

Result<runtime::Fd> LockFolder(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kLock;
  Result<runtime::Fd> file = OpenPlain(path, O_RDWR | O_CREAT);
  if (!file) return file;
  if (::flock(file->get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno != EWOULDBLOCK) return runtime::FileError(errno, "locking", path);
  return Error(Errc::kConflict, folder.string() + ": another process, or another endpoint, writes its audit log there");
}

bool HoldsLock(const runtime::Fd& lock, const std::filesystem::path& folder) {
  return runtime::IsNamed(lock, folder / kLock);
}

bool IsLocked(const std::filesystem::path& folder) {
  const Result<runtime::Fd> file = OpenPlain(folder / kLock, O_RDONLY);
  if (!file) return file.error().code == Errc::kUnavailable;  // it cannot be told
  return ::flock(file->get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace portcall::sinks::audit
