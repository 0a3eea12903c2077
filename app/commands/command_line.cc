#include "app/commands/command_line.h"

#include <CLI/CLI.hpp>
#include <array>
#include <string_view>

#include "app/server/signals.h"

namespace portcall::app {
namespace {

constexpr std::array kCommands{AddServe, AddCheck, AddEndpoints, AddEvents, AddAttempts,
                               AddDead,  AddAudit, AddDoctor,    AddVersion};

}  // namespace

Environment ReadEnvironment(const char* const* environment) {
  Environment result;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    result.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return result;
}

int Run(int argc, const char* const* argv, const Environment& environment, std::ostream& out, std::ostream& err) {
  Invocation invocation{environment, {argv, argv + argc}, out, err};
  CLI::App program("Portcall: a container registry whose notifications arrive", "portcall");
  program.add_option("-c,--config", invocation.config, "the configuration file; default: $REGISTRY_CONFIGURATION_PATH");
  program.require_subcommand(1);
  program.failure_message(CLI::FailureMessage::help);
  for (const auto& add : kCommands) add(program, invocation);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return program.exit(e, out, err) == 0 ? kDone : kUsage;
  }
  if (!program.got_subcommand("serve")) LetSignalsThrough();
  const int code = invocation.run();
  if (out.flush()) return code;
  err << "portcall: the output could not be written whole\n";
  return code == kDone ? kFailed : code;
}

}  // namespace portcall::app
