#include "runtime/version.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "app/commands/command.h"

namespace portcall::app {

void AddVersion(CLI::App& program, Invocation& invocation) {
  program.add_subcommand("version", "print the version")->callback([&invocation] {
    invocation.run = [&invocation] {
      invocation.out << "portcall " << runtime::kVersion << '\n';
      return kDone;
    };
  });
}

}  // namespace portcall::app
