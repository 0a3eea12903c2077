#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "runtime/clock.h"
#include "runtime/log.h"
#include "sinks/audit/note.h"

namespace portcall::sinks::audit {

// What is done to closed segments: compression, and removal of the oldest.
struct Housekeeping {
  std::filesystem::path folder;
  bool compress = true;
  std::chrono::milliseconds keep{0};  // after its last record; 0: for ever
  const runtime::Clock* clock = &runtime::SystemClock();
};

// Does what is due to the segments before `active`; blocks. It reads what it removes and refuses where that is not the
// chain that was written, so that retention destroys no evidence. The folder is locked by the caller's process.
void Tidy(const Housekeeping& task, std::uint64_t active, const SigningKey& key, runtime::Log& log);

}  // namespace portcall::sinks::audit
