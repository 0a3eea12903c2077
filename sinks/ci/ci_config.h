#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"

namespace portcall::sinks {

struct CiPreset;

// What an entry of `type: ci` says: one preset with the words that it needs.
using Words = std::map<std::string, std::string>;
struct CiRoute {
  std::string repositories;  // a glob; the first that fits counts
  Words words;               // over those of the endpoint
};
struct CiConfig : config::Settings {
  std::string preset;  // a name, or a file's path
  std::shared_ptr<const CiPreset> definition;
  Words words;                                                 // project, ref, token, …
  std::vector<std::pair<std::string, std::string>> variables;  // name and template
  bool as_inputs = false;                                      // they go where the preset has its inputs
  std::vector<CiRoute> routes;                                 // empty: every repository, with `words` alone
};

}  // namespace portcall::sinks
