#pragma once

#include <string>
#include <vector>

#include "config/url_rules.h"

namespace portcall::config {

struct Platform {
  std::string os, architecture;
  bool operator==(const Platform&) const = default;
};

// What a manifest must satisfy to be accepted, beside being one.
struct ValidationConfig {
  bool disabled = false;                         // the two below are without effect
  UrlRules urls;                                 // of its descriptors
  enum class Children { kAll, kNone, kListed };  // which manifests an index names must be there
  Children children = Children::kAll;            // manifests.indexes.platforms
  std::vector<Platform> platforms;               // of those, where they are listed
  bool operator==(const ValidationConfig&) const = default;
};

}  // namespace portcall::config
