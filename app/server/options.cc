#include "app/server/options.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>

#include "runtime/memory_budget.h"

namespace portcall::app {

runtime::LogOptions LogOptionsOf(const config::LogConfig& log) {
  using runtime::Level;
  runtime::LogOptions options;
  const std::map<std::string, Level> levels = {
      {"debug", Level::kDebug}, {"info", Level::kInfo}, {"warn", Level::kWarn}, {"error", Level::kError}};
  if (const auto level = levels.find(log.level); level != levels.end()) options.level = level->second;
  options.formatter = log.formatter;
  options.fields.assign(log.fields.begin(), log.fields.end());
  return options;
}

std::filesystem::path DatabaseOf(const config::StorageConfig& storage) {
  if (!storage.database.empty()) return storage.database;
  return std::filesystem::path(storage.root_directory) / "portcall.db";
}

std::string SourceAddress(const std::string& listen) {
  char name[256] = "localhost";
  if (gethostname(name, sizeof name - 1) != 0) return listen;
  const auto colon = listen.rfind(':');
  return name + (colon == std::string::npos ? "" : listen.substr(colon));
}

std::uint64_t MemoryFor(const config::Config& config) {
  constexpr std::uint64_t kLeast = 128ull << 20, kMost = 2ull << 30;
  if (config.http.memory_bytes > 0) return config.http.memory_bytes;
  return std::clamp(runtime::UsableMemory() / 8, kLeast, kMost);
}

}  // namespace portcall::app
