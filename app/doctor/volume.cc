#include "app/doctor/volume.h"

#include <sys/statvfs.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace portcall::app {

namespace fs = std::filesystem;

std::optional<VolumeSight> VolumeOf(const fs::path& folder, const fs::path& root) {
  struct statvfs volume{};
  if (::statvfs(folder.c_str(), &volume) != 0) return std::nullopt;
  VolumeSight sight;
  sight.size = static_cast<std::uint64_t>(volume.f_blocks) * volume.f_frsize;
  sight.free = static_cast<std::uint64_t>(volume.f_bavail) * volume.f_frsize;
  std::error_code unknown;
  const fs::path real = fs::weakly_canonical(folder, unknown);
  const std::string path = (unknown ? folder : real).string() + "/";
  std::ifstream mounts(root / "proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, place, type;
    if (!(words >> device >> place >> type)) continue;
    const std::string inside = place == "/" ? place : place + "/";
    // Of what is mounted at one place, the last counts.
    if (path.starts_with(inside) && place.size() >= sight.place.size()) {
      sight.place = place;
      sight.type = type;
    }
  }
  return sight;
}

std::string ShowBytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
  constexpr double kStep = 1024, kWhole = 10;
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= kStep && unit + 1 < kUnits.size(); ++unit) value /= kStep;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 || value >= kWhole ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

}  // namespace portcall::app
