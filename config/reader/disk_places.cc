#include "config/reader/disk_places.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "config/reader/scalars.h"
#include "runtime/named_file.h"

namespace portcall::config {
namespace {

namespace fs = std::filesystem;

// File systems that show the kernel's own state. To the superuser their folders look writable.
bool IsOfTheKernel(const fs::path& folder) {
  constexpr std::array<std::uint32_t, 10> kOwn{PROC_SUPER_MAGIC, SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                               DEBUGFS_MAGIC,    TRACEFS_MAGIC, SECURITYFS_MAGIC,   DEVPTS_SUPER_MAGIC,
                                               BPF_FS_MAGIC,     PSTOREFS_MAGIC};
  struct statfs volume{};
  if (::statfs(folder.c_str(), &volume) != 0) return false;
  return std::ranges::find(kOwn, static_cast<std::uint32_t>(volume.f_type)) != kOwn.end();
}

Obstacle NotAllowed(const fs::path& path) {
  const int error = errno;
  return {Quoted(path.string()) + " cannot be written by this user: " + std::strerror(error), error == EACCES};
}

bool LiesIn(const fs::path& path, const fs::path& folder) {
  const fs::path inner = path.lexically_normal() / "", outer = folder.lexically_normal() / "";
  return inner.lexically_normal().string().starts_with(outer.lexically_normal().string());
}

}  // namespace

std::string WhyUnreadable(const std::string& file, std::size_t most) {
  const Result<void> fit = runtime::CheckNamed(file, most);
  return fit ? "" : Quoted(file) + " " + fit.error().detail;
}

Obstacle WhyUnwritable(std::string name) {
  fs::path folder(std::move(name));
  struct stat status{};
  while (::stat(folder.c_str(), &status) != 0) {
    const int error = errno;
    if (error != ENOENT || folder == folder.parent_path() || folder.parent_path().empty()) {
      return {Quoted(folder.string()) + ": " + std::strerror(error), error == EACCES};
    }
    folder = folder.parent_path();
  }
  if (!S_ISDIR(status.st_mode)) return {Quoted(folder.string()) + " is no folder"};
  if (IsOfTheKernel(folder)) return {Quoted(folder.string()) + " belongs to the kernel: no files can be kept there"};
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return {};
  return NotAllowed(folder);
}

Obstacle WhyNoFile(const std::string& file, const std::string& made) {
  struct stat status{};
  if (::stat(file.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return {Quoted(file) + " is a folder, where a file is wanted"};
    if (!S_ISREG(status.st_mode)) return {Quoted(file) + " is no file"};
    if (::access(file.c_str(), R_OK | W_OK) != 0) return NotAllowed(file);
  }
  const fs::path folder = fs::path(file).parent_path();
  if (::stat(folder.c_str(), &status) != 0 && errno == ENOENT && !LiesIn(made, folder)) {
    return {"the folder " + Quoted(folder.string()) + " does not exist, and a start does not make it"};
  }
  return WhyUnwritable(folder.string());
}

}  // namespace portcall::config
