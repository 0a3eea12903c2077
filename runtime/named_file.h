#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "runtime/result.h"

namespace portcall::runtime {

inline constexpr std::size_t kMostPemBytes = 4 << 20;  // of a file of certificates, or a key

// A file that a person has named, of at most `most` bytes: a pipe or a device, which may never end, and a file that is
// too large are refused before anything is read, and never waited for. The detail says what it is, as in "is a pipe,
// not a file", without the path. kNotFound, or kInvalid.
Result<std::string> ReadNamed(const std::filesystem::path& path, std::size_t most);
// The same for whoever reads it by himself: it can be read.
Result<void> CheckNamed(const std::filesystem::path& path, std::size_t most);

}  // namespace portcall::runtime
