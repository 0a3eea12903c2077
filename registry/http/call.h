#pragma once

#include "config/config.h"
#include "registry/catalog/catalog.h"
#include "registry/http/origin_of.h"
#include "registry/model/origin.h"
#include "registry/request/routes.h"
#include "registry/request/settings.h"
#include "registry/request/urls.h"
#include "runtime/http/message.h"

namespace portcall::registry {

// One request on its way through a handler. It outlives the handler's coroutine; one thread at a time.
class Call {
 public:
  Call(http::Request& r, const Settings& s, const Route& to, Catalog& c, const Source& from)
      : request(r), settings(s), route(to), catalog(c), source_(from) {}

  const config::Config& config() const { return *settings.config; }
  bool records_pulls() const { return settings.events.pulls != config::PullEvents::kOff; }
  bool head() const { return request.method == "HEAD"; }
  Urls MakeUrls() const { return Urls(config().http, request, settings.proxies); }
  // Made when first asked for, because most requests leave no event.
  const OriginPtr& origin() {
    if (!origin_) origin_ = OriginOf(request, config().http, settings.proxies, source_);
    return origin_;
  }

  http::Request& request;
  const Settings& settings;
  const Route& route;
  Catalog& catalog;

 private:
  const Source& source_;
  OriginPtr origin_;
};

}  // namespace portcall::registry
