#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "runtime/files.h"

namespace portcall::sinks::audit {

// The bytes of a file from `begin` to `end`; fewer where it is shorter.
Result<std::string> ReadRange(const runtime::Fd& file, std::uint64_t begin, std::uint64_t end,
                              const std::filesystem::path& path);

}  // namespace portcall::sinks::audit
