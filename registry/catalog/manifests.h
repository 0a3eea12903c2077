#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/catalog/manifest.h"
#include "registry/catalog/manifest_cache.h"
#include "registry/deps.h"
#include "registry/model/origin.h"
#include "registry/model/reference.h"
#include "registry/recording/events.h"
#include "runtime/memory_budget.h"
#include "runtime/result.h"
#include "runtime/task.h"
#include "store/catalog_changes.h"

namespace portcall::registry {

class Recorder;

struct ManifestPush {
  std::string repository;
  Reference reference;
  std::vector<std::string> more_tags = {};  // to point at it, too
  std::string media_type, bytes;
  ManifestRules rules = {};
  runtime::MemoryShare* memory = nullptr;  // counts what is made of the bytes, too; null: nobody counts
};

struct PushedManifest {
  enum class State {
    kStored,
    kMalformed,    // `why` is a sentence that tells the client what is wrong
    kOtherDigest,  // than the reference names
    kIncomplete,   // the repository lacks what the manifest names: `missing`
  };
  State state = State::kStored;  // nothing was changed unless kStored
  std::string why;
  std::string digest, subject;       // of a stored one
  std::vector<std::string> missing;  // digests, a thousand at most
};

// Manifests and tags: each change is one transaction with its events, and what is read comes from a cache where it is
// there. Callable from any loop. All references must stay valid until the task has ended; errors are the store's.
class Manifests {
 public:
  Manifests(const RegistryDeps& deps, Recorder& recorder);

  // Null when there is none. No event: whoever passes it on calls Pulled first, with the same rules.
  Task<Result<StoredManifestPtr>> Find(const EventRules& rules, const std::string& repository,
                                       const Reference& reference);
  // Records that the manifest is given out. Fails for durable events only, and then it must not be.
  Task<Result<void>> Pulled(const OriginPtr& origin, const EventRules& rules, const std::string& repository,
                            const Reference& reference, const StoredManifest& manifest);
  // kTooLarge: beyond kMaxManifestBytes. kUnavailable, too: there is no room for what is made of it. `reference` of the
  // push is not malformed.
  Task<Result<PushedManifest>> Push(const OriginPtr& origin, const EventRules& rules, ManifestPush push);
  // Whether there was one. A manifest's tags go with it. `reference` is not malformed.
  Task<Result<bool>> Delete(const OriginPtr& origin, const std::string& repository, const Reference& reference);

 private:
  // A push that is fit to be stored.
  struct PreparedPush {
    std::string digest, media_type, bytes;
    Manifest manifest;
    std::vector<std::string> tags;
  };
  static store::ManifestPush RequestOf(const OriginPtr& origin, const EventRules& rules, const std::string& repository,
                                       PreparedPush& push);
  // The digests that the manifest names and the repository lacks. If there are any, nothing was changed. Takes the
  // bytes of `push`.
  Task<Result<std::vector<std::string>>> Store(const OriginPtr& origin, const EventRules& rules,
                                               const std::string& repository, PreparedPush& push);
  Task<std::string> DigestOf(std::string_view algorithm, const std::string& bytes);
  Task<Result<bool>> DeleteManifest(const OriginPtr& origin, const std::string& repository, const std::string& digest);
  Task<Result<bool>> DeleteTag(const OriginPtr& origin, const std::string& repository, const std::string& tag);

  const RegistryDeps& deps_;
  Recorder& recorder_;
  ManifestCache cache_;
};

}  // namespace portcall::registry
