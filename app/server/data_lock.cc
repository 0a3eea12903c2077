#include "app/server/data_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace portcall::app {
namespace {

constexpr std::chrono::milliseconds kPoll(100);

std::string Reason(int error) { return std::generic_category().message(error); }

std::string Holder(int fd) {
  char text[32];
  const ssize_t n = pread(fd, text, sizeof text, 0);
  std::string pid(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  pid.erase(pid.find_last_not_of(" \n") + 1);
  return pid.empty() ? "another process" : "process " + pid;
}

// Only a help for whoever asks: a full disk takes nobody's right. What stands there is written over, which needs no
// room.
void WritePid(int fd) {
  const std::string pid = std::to_string(getpid()) + "\n";
  const ssize_t written = pwrite(fd, pid.data(), pid.size(), 0);
  (void)ftruncate(fd, written > 0 ? written : 0);
}

}  // namespace

std::filesystem::path DataLock::FileOfFolder(const std::filesystem::path& folder) { return folder / "portcall.lock"; }

std::filesystem::path DataLock::FileOfDatabase(const std::filesystem::path& database) {
  namespace fs = std::filesystem;
  constexpr int kLinks = 40;
  std::error_code unknown;
  fs::path file = fs::absolute(database);
  // Also where a link's database is still to be made.
  for (int i = 0; i < kLinks && fs::is_symlink(file, unknown); ++i) {
    const fs::path target = fs::read_symlink(file, unknown);
    if (unknown) break;
    file = file.parent_path() / target;
  }
  const fs::path canonical = fs::weakly_canonical(file, unknown);
  return (unknown ? file : canonical).string() + ".lock";
}

Result<DataLock> DataLock::Take(const std::filesystem::path& file, std::chrono::milliseconds wait, const Pause& pause) {
  const std::string path = file.string();
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
  if (fd < 0) {
    const bool no_place = errno == EISDIR || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP;
    return Error(no_place ? Errc::kInvalid : Errc::kUnavailable, path + ": " + Reason(errno));
  }
  DataLock lock(fd);
  const auto until = std::chrono::steady_clock::now() + wait;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return Error(Errc::kUnavailable, path + ": " + Reason(errno));
    if (std::chrono::steady_clock::now() >= until) {
      return Error(Errc::kConflict, Holder(fd) + " holds " + path + ": stop it first, or wait longer with --wait");
    }
    if (!pause(kPoll)) return Error(Errc::kCancelled, "stopped while waiting for " + Holder(fd));
  }
  WritePid(fd);
  return lock;
}

DataLock::DataLock(DataLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DataLock::~DataLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace portcall::app
