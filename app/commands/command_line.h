#pragma once

#include <iosfwd>

#include "app/commands/command.h"

namespace portcall::app {

// A C environment as a map; of a name that comes twice the first counts, as for getenv.
Environment ReadEnvironment(const char* const* environment);

// Runs the command that the arguments name and returns the process's exit code: 0 fine, 1 it failed, 2 the command line
// or the configuration is wrong.
int Run(int argc, const char* const* argv, const Environment& environment, std::ostream& out, std::ostream& err);

}  // namespace portcall::app
