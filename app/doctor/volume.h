#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace portcall::app {

// The volume that a folder lies on.
struct VolumeSight {
  std::string place, type;           // where it is mounted, and its file system as the kernel names it
  std::uint64_t size = 0, free = 0;  // bytes; free: for others than root
};
// Nothing: it cannot be asked. It waits for the disk. `root`: where /proc lies, for tests.
std::optional<VolumeSight> VolumeOf(const std::filesystem::path& folder, const std::filesystem::path& root = "/");

// 12 KiB, 3.4 GiB
std::string ShowBytes(std::uint64_t bytes);

}  // namespace portcall::app
