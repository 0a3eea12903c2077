#pragma once

#include <cstdint>
#include <filesystem>

#include "runtime/result.h"

namespace portcall::sinks::audit {

// Checkpoints of what retention has removed can no longer be compared with anything, and go. The file may be large, so
// that whoever tidies copies what stays beside it, and whoever writes it only puts the copy in its place.

// Copies what covers at least `records`, where anything covers less. Beside a log that is being written.
Result<void> PrepareTrimming(const std::filesystem::path& folder, std::uint64_t records);
// For the writer: of the file `size` bytes count. How many bytes have gone at its beginning; 0: no copy of it is there.
Result<std::uint64_t> FinishTrimming(const std::filesystem::path& folder, std::uint64_t size);

}  // namespace portcall::sinks::audit
