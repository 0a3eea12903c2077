#include "app/server/serve.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "app/commands/command.h"

namespace portcall::app {
namespace {

struct Arguments {
  std::string config;
  std::int64_t wait_ms = 60'000;
};

int RunServe(const Arguments& arguments, const Invocation& invocation) {
  const auto config = FindConfig(arguments.config, invocation);
  if (!config) return kUsage;
  return Serve({*config, invocation.environment, std::chrono::milliseconds(arguments.wait_ms), invocation.words},
               invocation.err);
}

}  // namespace

void AddServe(CLI::App& program, Invocation& invocation) {
  CLI::App* command = program.add_subcommand("serve", "run the registry and deliver its events");
  const auto arguments = std::make_shared<Arguments>();
  AddConfig(*command, arguments->config);
  const std::map<std::string, std::int64_t> units = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  command->add_option("--wait", arguments->wait_ms, "how long to wait for another server that holds the data (60s)")
      ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED, "DURATION"));
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return RunServe(*arguments, invocation); };
  });
}

}  // namespace portcall::app
