#pragma once

#include <string>

#include "config/config.h"
#include "registry/model/origin.h"
#include "registry/request/urls.h"
#include "runtime/http/message.h"

namespace portcall::registry {

// The process whose events these will be: host name and configured port, and a UUID.
struct Source {
  std::string addr, instance;
};

// What a request says of itself. Here alone its texts are cut to what an event may carry: 255 bytes of actor and host,
// 32 of the method, 512 of the user agent, 2048 of the path.
OriginPtr OriginOf(const http::Request& request, const config::HttpConfig& config, const TrustedProxies& proxies,
                   const Source& source);

}  // namespace portcall::registry
