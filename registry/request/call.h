#pragma once

#include <string>

#include "config/config.h"
#include "registry/deps.h"
#include "registry/model/origin.h"
#include "registry/request/routes.h"
#include "registry/request/urls.h"
#include "runtime/http/message.h"

namespace portcall::registry {

class BusyUploads;
class ManifestCache;
class PullRecorder;
class UploadNotes;

// What every request shares; lives as long as the registry.
struct Core {
  const RegistryDeps& deps;
  ManifestCache& cache;
  PullRecorder& pulls;
  BusyUploads& busy;
  UploadNotes& uploads;
};

// One configuration with what is worked out from it. Immutable; a request keeps the one that it began with.
struct Settings {
  config::ConfigPtr config;
  TrustedProxies proxies;
  std::string secret;  // seals upload states
};

// One request on its way through a handler. It outlives the handler's coroutine.
struct Call {
  http::Request& request;
  const Settings& settings;
  const Route& route;
  Core& core;
  OriginPtr origin;

  const config::Config& config() const { return *settings.config; }
  bool head() const { return request.method == "HEAD"; }
  Urls MakeUrls() const { return Urls(config().http, request, settings.proxies); }
};

}  // namespace portcall::registry
