#pragma once

#include "registry/http/call.h"
#include "runtime/http/message.h"
#include "runtime/task.h"

namespace portcall::registry {

// One for each place of routes.h; the method is among those that the place allows. `call` outlives the coroutine.
Task<http::Response> HandleCatalog(Call& call);
Task<http::Response> HandleTags(Call& call);
Task<http::Response> HandleReferrers(Call& call);
Task<http::Response> HandleManifest(Call& call);
Task<http::Response> HandleTagReference(Call& call);
Task<http::Response> HandleBlob(Call& call);
Task<http::Response> HandleUploads(Call& call);
Task<http::Response> HandleUpload(Call& call);

}  // namespace portcall::registry
