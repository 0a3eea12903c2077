#pragma once

#include <map>
#include <string>

#include "config/reader/node.h"
#include "config/reader/report.h"

namespace portcall::config {

// Puts the values of REGISTRY_A_B_C variables (YAML) at a.b.c of `root`, in the order of their names, as Distribution
// does: keys match without case, a number names an entry of a list, and the number behind the last one appends.
void ApplyEnvironment(const std::map<std::string, std::string>& environment, Report& report, Value& root);

}  // namespace portcall::config
