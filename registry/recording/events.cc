#include "registry/recording/events.h"

#include <utility>

namespace portcall::registry {
namespace {

constexpr std::string_view kBlobType = "application/octet-stream";
// Bound, in bytes, on each name that a refused request brings.
constexpr std::size_t kMaxName = 255;

Draft NewDraft(const OriginPtr& origin, std::string_view repository, store::Action action, store::Kind kind) {
  Draft draft;
  draft.event.action = action;
  draft.event.kind = kind;
  draft.event.repository = repository;
  draft.event.actor = origin->actor;
  draft.origin = origin;
  return draft;
}

// The distribution API's code for a refusal's status, whatever body the response has.
std::string_view RefusalCode(int status) {
  switch (status) {
    case 0:  // who did not prove by a certificate who it is
    case 401:
      return "UNAUTHORIZED";
    case 403:
      return "DENIED";
    case 405:
      return "UNSUPPORTED";
    default:
      return "TOOMANYREQUESTS";
  }
}

bool HasUrl(store::Action action) {
  return action == store::Action::kPush || action == store::Action::kPull || action == store::Action::kMount;
}

std::string UrlOf(const store::Event& event, const std::string& base_url) {
  if (base_url.empty() || !HasUrl(event.action)) return {};
  return event.kind == store::Kind::kBlob ? BlobUrl(base_url, event.repository, event.digest)
                                          : ManifestUrl(base_url, event.repository, event.digest);
}

}  // namespace

EventRules EventRulesOf(const config::Config& config) {
  // With audit.strict no answer goes out before its event is on disk.
  return {config.audit.strict ? config::PullEvents::kDurable : config.events.pull, config.events.include_references};
}

ReferencesPtr References::All(std::vector<store::Descriptor> references) {
  const std::size_t count = references.size();
  return std::make_shared<References>(std::move(references), count, 0);
}

ReferencesPtr References::First(std::vector<store::Descriptor> references) {
  const std::size_t count = references.size();
  std::vector<store::Descriptor> first;
  store::Details one;
  std::size_t encoded = 0;
  for (store::Descriptor& reference : references) {
    one.references.clear();
    one.references.push_back(std::move(reference));
    const std::size_t more = store::EncodeDetails(one).size();
    if (encoded + more > kMaxPulled) break;
    encoded += more;
    first.push_back(std::move(one.references.front()));
  }
  first.shrink_to_fit();
  return std::make_shared<References>(std::move(first), count, encoded);
}

References::References(std::vector<store::Descriptor> l, std::size_t c, std::size_t encoded)
    : listed(std::move(l)), count(c), bytes(encoded) {
  for (const store::Descriptor& one : listed) {
    bytes += sizeof one + one.media_type.size() + one.digest.size() + one.platform.size();
  }
}

std::size_t BytesOf(const Draft& draft) {
  constexpr std::size_t kAllocations = 256;
  std::size_t bytes = store::BytesOf(draft.event) + sizeof(Draft) + kAllocations;
  if (!draft.origin) return bytes;
  const Origin& origin = *draft.origin;
  const Draft::Own& own = draft.details;
  bytes += sizeof(Origin);
  for (const std::string* text :
       {&origin.actor, &origin.request_id, &origin.method, &origin.host, &origin.user_agent, &origin.uri,
        &origin.client, &origin.client_ip, &origin.peer, &origin.forwarded, &origin.tls_subject, &origin.base_url,
        &origin.source_addr, &origin.source_instance, &own.from_repository, &own.previous_digest, &own.subject,
        &own.artifact_type, &own.note}) {
    bytes += text->size();
  }
  return bytes + (own.references ? own.references->bytes : 0);
}

store::Details DetailsOf(const store::Event& event, Draft::Own own, const Origin& origin) {
  store::Details details;
  details.url = UrlOf(event, origin.base_url);
  details.from_repository = std::move(own.from_repository);
  details.previous_digest = std::move(own.previous_digest);
  if (own.references) {
    details.references = own.references->listed;
    const bool cut = own.references->count > details.references.size();
    details.reference_count = cut ? static_cast<std::int64_t>(own.references->count) : 0;
  }
  details.subject = std::move(own.subject);
  details.artifact_type = std::move(own.artifact_type);
  details.request_id = origin.request_id;
  details.request_addr = origin.client;
  details.request_host = origin.host;
  details.request_method = origin.method;
  details.request_useragent = origin.user_agent;
  details.source_addr = origin.source_addr;
  details.source_instance = origin.source_instance;
  details.peer = origin.peer;
  details.forwarded = origin.forwarded;
  details.tls_subject = origin.tls_subject;
  details.actor_verified = origin.actor_verified;
  if (event.action == store::Action::kRefused) {
    details.request_uri = origin.uri;
    details.status = own.status;
    details.error_code = RefusalCode(details.status);
    details.note = std::move(own.note);
  }
  return details;
}

store::Event Seal(Draft draft) {
  if (!draft.origin) return std::move(draft.event);
  draft.event.details = store::EncodeDetails(DetailsOf(draft.event, std::move(draft.details), *draft.origin));
  return std::move(draft.event);
}

Draft Sealed(store::Event event, const store::Details& details) {
  Draft draft;
  draft.event = std::move(event);
  draft.event.details = store::EncodeDetails(details);
  return draft;
}

Draft BlobEvent(const OriginPtr& origin, std::string_view repository, store::Action action, std::string_view digest,
                std::uint64_t size, std::string_view from) {
  Draft draft = NewDraft(origin, repository, action, store::Kind::kBlob);
  draft.event.digest = digest;
  draft.event.media_type = kBlobType;
  draft.event.size = static_cast<std::int64_t>(size);
  draft.details.from_repository = from;
  return draft;
}

Draft ManifestEvent(const OriginPtr& origin, const EventRules& rules, std::string_view repository, store::Action action,
                    const ManifestFacts& manifest, std::string_view tag) {
  Draft draft = NewDraft(origin, repository, action, tag.empty() ? store::Kind::kManifest : store::Kind::kTag);
  draft.event.tag = tag;
  draft.event.digest = manifest.digest;
  draft.event.media_type = manifest.media_type;
  draft.event.size = static_cast<std::int64_t>(manifest.size);
  draft.details.subject = manifest.subject;
  draft.details.artifact_type = manifest.artifact_type;
  if (rules.references) draft.details.references = manifest.references;
  return draft;
}

Draft DeletedEvent(const OriginPtr& origin, std::string_view repository, store::Kind kind,
                   std::string_view digest_or_tag) {
  Draft draft = NewDraft(origin, repository, store::Action::kDelete, kind);
  (kind == store::Kind::kTag ? draft.event.tag : draft.event.digest) = digest_or_tag;
  return draft;
}

Draft RefusedEvent(const OriginPtr& origin, const RefusedTarget& target, int status) {
  Draft draft = NewDraft(origin, target.repository.substr(0, kMaxName), store::Action::kRefused, target.kind);
  store::Event& event = draft.event;
  (event.kind == store::Kind::kTag ? event.tag : event.digest) = target.digest_or_tag.substr(0, kMaxName);
  draft.details.status = status;
  return draft;
}

Draft RefusedPeerEvent(const OriginPtr& origin, std::string_view why) {
  Draft draft = RefusedEvent(origin, {}, 0);
  draft.details.note = "client certificate: " + std::string(why.substr(0, kMaxName));
  return draft;
}

}  // namespace portcall::registry
