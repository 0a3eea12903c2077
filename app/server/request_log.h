#pragma once

#include "registry/registry.h"
#include "runtime/http/server.h"
#include "runtime/log.h"

namespace portcall::app {

// Distribution's line for each answered request: "response completed" at info, from status 400 on "response completed
// with error" at error, with http.request.*, http.response.* and what the registry says of it (vars.*, err.*), sorted
// by name. Costs one load where the level is off.
void LogExchange(runtime::Log& log, const http::Exchange& exchange, const registry::RoutedRequest& routed);

}  // namespace portcall::app
