#include "app/doctor/doctor.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <ostream>

#include "app/commands/command.h"

namespace portcall::app {
namespace {

// What hangs would keep the process from ending, which is why it ends here then.
constexpr std::chrono::milliseconds kFarewell(200);

struct Arguments {
  std::string config;
  bool json = false;
};

int Tell(const Result<Report>& report, const Arguments& arguments, const Invocation& invocation) {
  if (!report) {
    invocation.err << report.error().detail << '\n';
    return report.error().code == Errc::kInvalid ? kUsage : kFailed;
  }
  if (arguments.json) {
    invocation.out << JsonOf(*report);
  } else {
    Print(*report, invocation.out, Terminal::Of(invocation.environment));
  }
  return ExitCodeOf(*report);
}

int RunDoctor(const Arguments& arguments, const Invocation& invocation) {
  const auto config = FindConfig(arguments.config, invocation);
  if (!config) return kUsage;
  auto lanes = std::make_unique<runtime::Lanes>();
  const int code = Tell(Examine({*config, invocation.environment}, *lanes), arguments, invocation);
  if (lanes->Await(std::chrono::steady_clock::now() + kFarewell).empty()) return code;
  const bool written = static_cast<bool>(invocation.out.flush());
  invocation.err.flush();
  _exit(written || code != kDone ? code : kFailed);
}

}  // namespace

void AddDoctor(CLI::App& program, Invocation& invocation) {
  CLI::App* command = program.add_subcommand("doctor", "say what is wrong with an installation, and what to do");
  const auto arguments = std::make_shared<Arguments>();
  AddConfig(*command, arguments->config);
  command->fallthrough();
  command->add_flag("--json", arguments->json, "print it as JSON");
  command->callback([arguments, &invocation] {
    invocation.run = [arguments, &invocation] { return RunDoctor(*arguments, invocation); };
  });
}

}  // namespace portcall::app
