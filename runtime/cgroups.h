#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::runtime {

// The folders that set limits of one controller ("memory", "pids") for this process, or one by its number, of version 1
// or 2: a group has the limits of those above it, too. In a container the path may be that outside of it, so that some
// may not be there. `root` is where /proc and /sys lie, for tests.
std::vector<std::filesystem::path> CgroupFolders(std::string_view controller, const std::filesystem::path& root = "/",
                                                 const std::string& process = "self");

// The number that a file of the kernel holds; nothing: it says "max", or is not there.
std::optional<std::uint64_t> NumberIn(const std::filesystem::path& file);

}  // namespace portcall::runtime
