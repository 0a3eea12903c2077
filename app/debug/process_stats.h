#pragma once

#include <cstdint>

namespace portcall::app {

// This process as the kernel sees it. What cannot be read is 0.
struct ProcessStats {
  std::uint64_t resident_bytes = 0, virtual_bytes = 0;
  double cpu_seconds = 0;
  double start_time = 0;  // seconds since 1970
  std::uint64_t open_fds = 0, max_fds = 0, threads = 0;
};

// Reads /proc: a few system calls, not for a hot path.
ProcessStats ReadProcessStats();

}  // namespace portcall::app
