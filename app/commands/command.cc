#include "app/commands/command.h"

#include <CLI/CLI.hpp>
#include <ostream>

namespace portcall::app {
namespace {

constexpr const char* kPathVariable = "REGISTRY_CONFIGURATION_PATH";

}  // namespace

void AddConfig(CLI::App& command, std::string& path) {
  command.add_option("CONFIG", path, std::string("the configuration file; default: $") + kPathVariable);
}

std::optional<std::string> FindConfig(const std::string& path, const Invocation& invocation) {
  if (!path.empty()) return path;
  if (!invocation.config.empty()) return invocation.config;
  const auto found = invocation.environment.find(kPathVariable);
  if (found != invocation.environment.end() && !found->second.empty()) return found->second;
  invocation.err << "portcall: no configuration file: name it, or set " << kPathVariable << '\n';
  return std::nullopt;
}

}  // namespace portcall::app
