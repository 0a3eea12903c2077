#include "store/sqlite/volume.h"

#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <algorithm>

namespace portcall::store {

bool Volume::BelowReserve(const std::function<std::uint64_t()>& unused) {
  if (reserve_ == 0) return false;
  const auto now = std::chrono::steady_clock::now();
  if (asked_ && now - *asked_ < std::chrono::milliseconds(250)) return below_;
  asked_ = now;
  const auto room = Free();
  if (!room) return below_ = false;
  const std::uint64_t half = reserve_ / 2;
  below_ = *room < half || (*room < reserve_ && *room + std::min(unused(), half) < reserve_);
  return below_;
}

std::optional<std::uint64_t> Volume::Free() const {
  struct statvfs volume{};
  if (statvfs(folder_.c_str(), &volume) != 0) return std::nullopt;
  return volume.f_bavail * volume.f_frsize;
}

std::optional<std::string_view> Volume::UnfitFileSystem(std::uint64_t magic) {
  switch (magic) {
    case 0x6969:
      return "NFS";
    case 0x517b:
    case 0xfe534d42:
    case 0xff534d42:
      return "SMB";
    case 0x65735546:
      return "FUSE";
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEVPTS_SUPER_MAGIC:
      return "a file system of the kernel";
    default:
      return std::nullopt;
  }
}

std::optional<std::string_view> Volume::Unfit() const {
  struct statfs volume{};
  if (statfs(folder_.c_str(), &volume) != 0) return std::nullopt;  // opening the file says what is wrong
  return UnfitFileSystem(static_cast<std::uint32_t>(volume.f_type));
}

}  // namespace portcall::store
