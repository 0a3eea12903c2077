#include "runtime/cgroups.h"

#include <fstream>

namespace portcall::runtime {

namespace fs = std::filesystem;

// Lines are "0::/path" in version 2, and "5:pids:/path" in version 1.
std::vector<fs::path> CgroupFolders(std::string_view controller, const fs::path& root, const std::string& process) {
  std::vector<fs::path> folders;
  std::ifstream groups(root / "proc" / process / "cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers != controller) continue;
    const fs::path mount = root / "sys/fs/cgroup" / controllers;
    fs::path group = fs::path(line.substr(second + 1)).relative_path();
    for (; !group.empty(); group = group.parent_path()) folders.push_back(mount / group);
    folders.push_back(mount);
  }
  return folders;
}

std::optional<std::uint64_t> NumberIn(const fs::path& file) {
  std::ifstream stream(file);
  std::uint64_t number = 0;
  if (stream >> number) return number;
  return std::nullopt;
}

}  // namespace portcall::runtime
