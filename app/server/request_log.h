#pragma once

#include "runtime/http/server.h"
#include "runtime/log.h"

namespace portcall::app {

// Distribution's line for each answered request: "response completed" at info, from status 400 on "response completed
// with error" at error, with http.request.*, http.response.* and what the handler left in Response::log (vars.*, err.*,
// auth.user.name), sorted by name. Costs one load where the level is off.
void LogExchange(runtime::Log& log, const http::Exchange& exchange);

}  // namespace portcall::app
