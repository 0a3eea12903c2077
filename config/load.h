#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/kind.h"

namespace portcall::config {

enum class Severity { kWarning, kError };

// One finding. `file` is the path as given, or the name of an environment variable; line and column from 1, 0: none.
struct Problem {
  Severity severity = Severity::kError;
  std::string file;
  int line = 0, column = 0;
  std::string key;           // notifications.endpoints[0].timeout
  std::string message;       // what is wrong, what was probably meant; never a secret's value
  std::string Text() const;  // "file:line:column: error: key: message"
};

struct Loaded {
  ConfigPtr config;  // null when there is an error
  std::vector<Problem> problems;
};

enum class Strictness { kCheck, kServe };  // check fails on unknown keys everywhere, serve warns outside our sections

// Reads the file, applies REGISTRY_* variables from `environment` and validates; all problems at once. `kinds`: what an
// endpoint may be; outlives the configuration.
Loaded Load(const std::string& path, const std::map<std::string, std::string>& environment, Strictness strictness,
            KindTable kinds);
Loaded Parse(const std::string& text, const std::string& name, const std::map<std::string, std::string>& environment,
             Strictness strictness, KindTable kinds);

// Keys that differ and cannot change without a restart; empty: `after` may be applied to a server that runs `before`.
std::vector<std::string> NeedsRestart(const Config& before, const Config& after);

}  // namespace portcall::config
