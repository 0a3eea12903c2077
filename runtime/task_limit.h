#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/result.h"

namespace portcall::runtime {

// The number of tasks (threads and processes) beyond which the system starts no thread of ours.
struct TaskLimit {
  std::string name;                  // what it is called, and where it is raised
  std::uint64_t most = 0, used = 0;  // `used`: at least, where other processes count, too
  std::uint64_t left() const { return most > used ? most - used : 0; }
};

// The one that leaves least, of RLIMIT_NPROC and of the cgroups; nothing where none is known. Reads /proc and
// /sys/fs/cgroup: a few system calls, from any thread.
std::optional<TaskLimit> ReadTaskLimit();

// Why a thread could not be started, for operators: kUnavailable.
Error NoThread();

}  // namespace portcall::runtime
