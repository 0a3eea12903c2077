#pragma once

#include <optional>
#include <string>
#include <vector>

#include "registry/catalog/manifest.h"
#include "registry/catalog/manifest_cache.h"
#include "registry/request/call.h"
#include "runtime/result.h"
#include "runtime/task.h"

namespace portcall::registry {

// Manifests and tags of one repository: each change is one transaction with its events. The strings of `call` and the
// other references live in the caller's frame until the result is there.

// By tag or digest, from the cache where it is; null when there is none.
Task<Result<StoredManifestPtr>> LoadManifest(Call& call, const std::string& reference);

struct ManifestPush {
  std::string digest, media_type, bytes;
  Manifest manifest;
  std::vector<std::string> tags;  // to point at it
};
// Returns the digests that the manifest names and the repository lacks. If there are any, nothing was changed.
Task<Result<std::vector<std::string>>> PushManifest(Call& call, const ManifestPush& push);

// Whether there was one. A manifest's tags go with it.
Task<Result<bool>> DeleteManifest(Call& call, const std::string& digest);
Task<Result<bool>> DeleteTag(Call& call, const std::string& tag);

}  // namespace portcall::registry
