#include "app/debug/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace portcall::app {
namespace {

// Fields of /proc/self/stat behind the command's name, which may hold anything: [0] is the state, field 3 of proc(5).
std::uint64_t StatField(const std::string& stat, int number) {
  const auto end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return 0;
  std::istringstream fields(stat.substr(end_of_name + 1));
  std::string field;
  for (int i = 3; i <= number && fields >> field; ++i) {
  }
  try {
    return std::stoull(field);
  } catch (const std::exception&) {
    return 0;
  }
}

double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

std::uint64_t CountFds() {
  std::error_code ec;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", ec), end; !ec && it != end; it.increment(ec)) ++count;
  return count;
}

}  // namespace

ProcessStats ReadProcessStats() {
  ProcessStats stats;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  stats.virtual_bytes = total * page;
  stats.resident_bytes = resident * page;
  std::string stat;
  std::getline(std::ifstream("/proc/self/stat"), stat, '\0');
  stats.cpu_seconds = static_cast<double>(StatField(stat, 14) + StatField(stat, 15)) / ticks;
  stats.threads = StatField(stat, 20);
  stats.start_time = BootTime() + static_cast<double>(StatField(stat, 22)) / ticks;
  stats.open_fds = CountFds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  return stats;
}

}  // namespace portcall::app
