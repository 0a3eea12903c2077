#pragma once

#include <chrono>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

namespace portcall::app {

struct ServeOptions {
  std::string config_path;
  std::map<std::string, std::string> environment;
  std::chrono::milliseconds wait{60'000};  // for another server that holds the data
  std::vector<std::string> command_line;   // as /debug/vars shows it
};

// Runs the registry until SIGTERM or SIGINT; SIGHUP reloads the configuration. 0 after an orderly end, 1 when something
// failed, 2 when the configuration or the data folder is not fit to start with.
int Serve(const ServeOptions& options, std::ostream& err);

}  // namespace portcall::app
