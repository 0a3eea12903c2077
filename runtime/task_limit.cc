#include "runtime/task_limit.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/cgroups.h"

namespace portcall::runtime {
namespace {

namespace fs = std::filesystem;

std::uint64_t OwnThreads() {
  std::error_code ignored;
  std::uint64_t threads = 0;
  for (fs::directory_iterator at("/proc/self/task", ignored), end; !ignored && at != end; at.increment(ignored)) {
    ++threads;
  }
  return threads;
}

// Root is not bound by it.
std::optional<TaskLimit> OfUser() {
  rlimit limit{};
  if (geteuid() == 0 || getrlimit(RLIMIT_NPROC, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return TaskLimit{"RLIMIT_NPROC; raise it with ulimit -u or LimitNPROC=", limit.rlim_cur, OwnThreads()};
}

void Keep(std::optional<TaskLimit>& least, const std::optional<TaskLimit>& other) {
  if (other && (!least || other->left() < least->left())) least = other;
}

std::optional<TaskLimit> OfCgroups() {
  std::optional<TaskLimit> least;
  for (const fs::path& folder : CgroupFolders("pids")) {
    const auto most = NumberIn(folder / "pids.max"), used = NumberIn(folder / "pids.current");
    if (most && used) {
      Keep(least, TaskLimit{"pids.max of its cgroup; raise it with TasksMax= or --pids-limit", *most, *used});
    }
  }
  return least;
}

}  // namespace

std::optional<TaskLimit> ReadTaskLimit() {
  std::optional<TaskLimit> least = OfUser();
  Keep(least, OfCgroups());
  return least;
}

Error NoThread() {
  std::string why = "the system starts no more threads";
  if (const auto limit = ReadTaskLimit()) {
    why += ": at most " + std::to_string(limit->most) + " tasks (" + limit->name + ")";
  }
  return {Errc::kUnavailable, why};
}

}  // namespace portcall::runtime
