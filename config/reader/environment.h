#pragma once

#include <functional>
#include <map>
#include <string>

#include "config/reader/known_keys.h"
#include "config/reader/node.h"
#include "config/reader/report.h"

namespace portcall::config {

// The keys of a file that has this content.
using LearnKeys = std::function<KnownKeys(Value root)>;

// Puts the values of REGISTRY_A_B_C variables at a.b.c of `root`, those with shorter names first and entries of lists
// by their numbers. Keys match without case, what is no letter or digit in them as `_`, and of those that there are,
// the one that takes most of the name: `hmac_secret` before `hmac`. A number names an entry of a list, and the number
// behind the last one appends. A value is YAML where a map or a list may stand, and text as it is elsewhere. An empty
// one changes nothing, with a warning.
void ApplyEnvironment(const std::map<std::string, std::string>& environment, Report& report, Value& root,
                      const LearnKeys& learn);

}  // namespace portcall::config
