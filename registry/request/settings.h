#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "registry/recording/events.h"
#include "registry/request/urls.h"

namespace portcall::registry {

// One configuration with what is worked out from it. Immutable; a request keeps the one that it began with.
struct Settings {
  config::ConfigPtr config;
  TrustedProxies proxies;
  std::string secret;  // seals upload states
  EventRules events;
};
using SettingsPtr = std::shared_ptr<const Settings>;

}  // namespace portcall::registry
