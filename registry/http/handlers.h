#pragma once

#include "registry/http/call.h"
#include "registry/http/replies.h"
#include "runtime/http/message.h"
#include "runtime/task.h"

namespace portcall::registry {

// One for each place of routes.h; the method is among those that the place allows. `call` outlives the coroutine.
Task<Reply> HandleCatalog(Call& call);
Task<Reply> HandleTags(Call& call);
Task<Reply> HandleReferrers(Call& call);
Task<Reply> HandleManifest(Call& call);
Task<Reply> HandleTagReference(Call& call);
Task<Reply> HandleBlob(Call& call);
Task<Reply> HandleUploads(Call& call);
Task<Reply> HandleUpload(Call& call);

}  // namespace portcall::registry
