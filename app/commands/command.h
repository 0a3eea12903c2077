#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/exit_code.h"

namespace CLI {
class App;
}

namespace portcall::app {

using Environment = std::map<std::string, std::string>;

// One run of the program: what it was given, and what to do once the command line is read.
struct Invocation {
  const Environment& environment;
  std::vector<std::string> words;  // the command line as it was
  std::ostream& out;
  std::ostream& err;
  std::string config = {};        // by -c
  std::string socket = {};        // of the server that is asked, by --socket; empty: the configuration's
  std::function<int()> run = {};  // runs the named command; returns the exit code
};

// Each adds one command with its arguments, and is defined in the file of that name. `invocation` outlives the parser.
void AddServe(CLI::App& program, Invocation& invocation);
void AddCheck(CLI::App& program, Invocation& invocation);
void AddAudit(CLI::App& program, Invocation& invocation);
void AddEndpoints(CLI::App& program, Invocation& invocation);
void AddDead(CLI::App& program, Invocation& invocation);
void AddEvents(CLI::App& program, Invocation& invocation);
void AddAttempts(CLI::App& program, Invocation& invocation);
void AddDoctor(CLI::App& program, Invocation& invocation);
void AddVersion(CLI::App& program, Invocation& invocation);

// The argument CONFIG. FindConfig gives its value, that of -c, or $REGISTRY_CONFIGURATION_PATH; nothing, with a
// message, when all are missing.
void AddConfig(CLI::App& command, std::string& path);
std::optional<std::string> FindConfig(const std::string& path, const Invocation& invocation);

}  // namespace portcall::app
