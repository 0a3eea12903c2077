#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "runtime/files.h"
#include "runtime/result.h"

namespace portcall::sinks::audit {

// The files in an audit log's folder, where somebody else may put things: a link that leads out of it, a pipe that
// nobody writes, a folder. Nothing but a regular file is opened, so that none of these is followed, waited for, read or
// written. kInvalid says what lies there instead; the rest is as runtime's functions have it.
Result<runtime::Fd> OpenPlain(const std::filesystem::path& path, int flags, mode_t mode = 0640);
// Of what is never large: kInvalid, too, where it is (a mebibyte).
Result<std::string> ReadPlain(const std::filesystem::path& path);

// Copies a part of one file to a place in another.
Result<void> CopyRange(const runtime::Fd& from, const std::filesystem::path& from_path, std::uint64_t begin,
                       std::uint64_t end, const runtime::Fd& to, const std::filesystem::path& to_path,
                       std::uint64_t at);

// What lies under a name that is no regular file, as "a symbolic link"; empty: a regular file, or nothing.
std::string WhyNotPlain(const std::filesystem::path& path);

}  // namespace portcall::sinks::audit
