#pragma once

#include "registry/recording/events.h"
#include "registry/request/routes.h"
#include "runtime/http/message.h"

namespace portcall::registry {

// Whether an answer refuses: 401, 403, 405 or 429. A 401 to a request without credentials is none: it tells the client
// to bring some.
bool IsRefusal(const http::Request& request, int status);

// What a request to this place would have read or changed; its texts are the route's own.
RefusedTarget TargetOf(const Route& route);

}  // namespace portcall::registry
