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

Result<void> WritePid(int fd) {
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return Error(Errc::kUnavailable, Reason(errno));
  }
  return {};
}

}  // namespace

Result<DataLock> DataLock::Take(const std::filesystem::path& folder, std::chrono::milliseconds wait,
                                const Pause& pause) {
  const std::string path = (folder / "portcall.lock").string();
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return Error(Errc::kUnavailable, path + ": " + Reason(errno));
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
  if (auto written = WritePid(fd); !written) {
    return Error(Errc::kUnavailable, path + ": " + written.error().detail);
  }
  return lock;
}

DataLock::DataLock(DataLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DataLock::~DataLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace portcall::app
