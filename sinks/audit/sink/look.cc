#include "sinks/audit/sink/look.h"

#include <sys/stat.h>

#include <system_error>

namespace portcall::sinks::audit {

std::string LookOfFolder(const std::filesystem::path& folder) {
  std::string look;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    std::error_code ignored;
    const auto changed = entries->last_write_time(ignored).time_since_epoch().count();
    look += entries->path().filename().string() + ' ' + std::to_string(entries->file_size(ignored)) + ' ' +
            std::to_string(changed) + '\n';
  }
  return look;
}

std::string LookOfFile(const std::filesystem::path& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0) return "gone\n";
  return std::to_string(found.st_ino) + ' ' + std::to_string(found.st_size) + ' ' +
         std::to_string(found.st_mtim.tv_sec) + '.' + std::to_string(found.st_mtim.tv_nsec) + '\n';
}

}  // namespace portcall::sinks::audit
