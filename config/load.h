#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/kind.h"
#include "config/problem.h"

namespace portcall::config {

struct Loaded {
  ConfigPtr config;  // null when there is an error
  std::vector<Problem> problems;
};

// Reads the file, applies REGISTRY_* variables from `environment` and validates; all problems at once. `kinds`: what an
// endpoint may be; outlives the configuration.
Loaded Load(const std::string& path, const std::map<std::string, std::string>& environment, Strictness strictness,
            KindTable kinds);
Loaded Parse(const std::string& text, const std::string& name, const std::map<std::string, std::string>& environment,
             Strictness strictness, KindTable kinds);

}  // namespace portcall::config
