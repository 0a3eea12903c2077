#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/clock.h"
#include "sinks/audit/log/note.h"
#include "sinks/hiding_log.h"

namespace portcall::sinks::audit {

// What is done to closed segments: compression, and removal of the oldest.
struct Housekeeping {
  std::filesystem::path folder;
  bool compress = true;
  std::chrono::milliseconds keep{0};  // after its last record; 0: for ever
  const runtime::Clock* clock = &runtime::SystemClock();

  bool IsOld(std::string_view recorded) const;  // a record of that time need not be kept
};

// Does what is due to the segments before `active`; blocks. A segment's age is that of its last record, whose hash
// protects the time. A segment is read before its removal, and stays if it contradicts the checkpoint at its end, so
// that retention destroys no evidence. The folder is locked by the caller's process.
// Returns when the oldest closed segment's last record was recorded: the next removal is due once that is old. Empty:
// there is none, or it may not be removed.
std::string Tidy(const Housekeeping& task, std::uint64_t active, const SigningKey& key, const HidingLog& log);

}  // namespace portcall::sinks::audit
