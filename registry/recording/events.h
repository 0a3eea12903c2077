#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "registry/request/call.h"
#include "store/event.h"

namespace portcall::registry {

// An event before it is put into the log: what the writer alone can know is still missing.
struct Draft {
  store::Event event;
  store::Details details;
};
// The row to append. Costs an encoding; id, seq and time are the log's.
store::Event Seal(Draft draft);

// Of blob content: push, pull or mount. `from` names the repository of a mount.
Draft BlobEvent(const Call& call, store::Action action, std::string_view digest, std::uint64_t size,
                std::string_view from = {});

struct ManifestFacts {
  std::string_view digest, media_type;
  std::size_t size = 0;
  const std::vector<store::Descriptor>& references;
  std::string_view subject = {}, artifact_type = {};  // of a push
};
// Push or pull. `tag` is empty when the manifest was named by digest.
Draft ManifestEvent(const Call& call, store::Action action, const ManifestFacts& manifest, std::string_view tag);

// Deletions carry what was named and no more, as Distribution's do.
Draft DeletedEvent(const Call& call, store::Kind kind, std::string_view digest_or_tag);

// A request that was answered 401, 403, 405 or 429. Its texts are capped: anybody may send anything.
Draft RefusedEvent(const Call& call, int status);

// The user name that the request claims in Basic credentials, unverified; empty without.
std::string ClaimedName(const http::Request& request);

}  // namespace portcall::registry
