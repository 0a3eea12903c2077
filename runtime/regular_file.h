#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <filesystem>

#include "runtime/files.h"
#include "runtime/result.h"

namespace portcall::runtime {

// For open(2): nobody waits for the other side of a pipe that lies in a file's place.
inline constexpr int kOpenWithoutWaiting = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
const char* KindOf(mode_t mode);                                 // of what is no regular file, as in "a pipe"
Error NotAFile(const std::filesystem::path& path, mode_t mode);  // kUnavailable; names both
// What was just opened, if it is a regular file; else NotAFile().
Result<Fd> OnlyFile(Fd opened, const std::filesystem::path& path);

}  // namespace portcall::runtime
