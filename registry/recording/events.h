#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "registry/model/origin.h"
#include "registry/model/reference.h"
#include "store/event.h"

namespace portcall::registry {

// What of events is configured; a use case keeps those that it began with.
struct EventRules {
  config::PullEvents pulls = config::PullEvents::kRelaxed;  // as they are recorded
  bool references = false;                                  // of manifests, in their events
};
EventRules EventRulesOf(const config::Config& config);

// What a manifest refers to, as events list it. Immutable, and shared by all of them: clients decide how many there
// are, and how often they ask.
struct References {
  // All, as the event of a push lists them; or the first of them that take kMaxPulled bytes in an event.
  static std::shared_ptr<const References> All(std::vector<store::Descriptor> references);
  static std::shared_ptr<const References> First(std::vector<store::Descriptor> references);
  static constexpr std::size_t kMaxPulled = 64 << 10;
  References(std::vector<store::Descriptor> l, std::size_t c, std::size_t encoded);

  std::vector<store::Descriptor> listed;
  std::size_t count;  // with those that are not listed
  std::size_t bytes;  // of memory, about, with what is encoded of them
};
using ReferencesPtr = std::shared_ptr<const References>;

// An event before it is put into the log: what the writer alone can know is still missing, and what the origin says is
// only referred to.
struct Draft {
  // What is this event's own of store::Details.
  struct Own {
    std::string from_repository, previous_digest, subject, artifact_type;
    ReferencesPtr references;  // null: none
    int status = 0;            // of a refused request
    std::string note;          // why there was no request to answer
  };
  store::Event event;
  Own details;
  OriginPtr origin;  // null: the event is complete
};
// An upper bound, about, of the memory that a draft takes and its event will; what several drafts share counts with
// each.
std::size_t BytesOf(const Draft& draft);

store::Details DetailsOf(const store::Event& event, Draft::Own own, const Origin& origin);
// The row to append. Costs an encoding; id, seq and time are the log's.
store::Event Seal(Draft draft);
// A draft whose event is complete.
Draft Sealed(store::Event event, const store::Details& details);

// Of blob content: push, pull or mount. `from` names the repository of a mount.
Draft BlobEvent(const OriginPtr& origin, std::string_view repository, store::Action action, std::string_view digest,
                std::uint64_t size, std::string_view from = {});

struct ManifestFacts {
  std::string_view digest, media_type;
  std::size_t size = 0;
  ReferencesPtr references = {};                      // null: none
  std::string_view subject = {}, artifact_type = {};  // of a push
};
// Push or pull. `tag` is empty when the manifest was named by digest.
Draft ManifestEvent(const OriginPtr& origin, const EventRules& rules, std::string_view repository, store::Action action,
                    const ManifestFacts& manifest, std::string_view tag);

// Deletions carry what was named and no more, as Distribution's do.
Draft DeletedEvent(const OriginPtr& origin, std::string_view repository, store::Kind kind,
                   std::string_view digest_or_tag);

// What a refused request would have touched. Its texts are capped: anybody may send anything.
struct RefusedTarget {
  store::Kind kind = store::Kind::kSystem;
  std::string_view repository, digest_or_tag;
};
// A request that was answered 401, 403, 405 or 429.
Draft RefusedEvent(const OriginPtr& origin, const RefusedTarget& target, int status);
// A peer that came no further than its TLS handshake: its certificate was refused, or it had none.
Draft RefusedPeerEvent(const OriginPtr& origin, std::string_view why);

}  // namespace portcall::registry
