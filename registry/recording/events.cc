#include "registry/recording/events.h"

#include <utility>

#include "registry/request/reference.h"
#include "runtime/bytes.h"

namespace portcall::registry {
namespace {

constexpr std::string_view kBlobType = "application/octet-stream";
// Bounds, in bytes, on the texts of a refused request.
constexpr std::size_t kMaxText = 255;
constexpr std::size_t kMaxMethod = 32;
constexpr std::size_t kMaxAgent = 512;
constexpr std::size_t kMaxUri = 2048;

Draft NewDraft(const Call& call, store::Action action, store::Kind kind) {
  const http::Request& request = call.request;
  Draft draft;
  draft.event.action = action;
  draft.event.kind = kind;
  draft.event.repository = call.route.name;
  draft.event.actor = ClaimedName(request);
  store::Details& details = draft.details;
  details.request_id = request.id;
  details.request_addr = ClientAddress(request, call.settings.proxies);
  if (details.request_addr != request.peer) details.peer = request.peer;
  details.forwarded = ForwardedText(request, call.settings.proxies);
  details.tls_subject = request.tls_subject;
  details.request_host = request.fields.Get("Host");
  details.request_method = request.method;
  details.request_useragent = request.fields.Get("User-Agent");
  details.source_addr = call.core.deps.source_addr;
  details.source_instance = call.core.deps.source_instance;
  return draft;
}

// The distribution API's code for a refusal's status, whatever body the response has.
std::string_view RefusalCode(int status) {
  switch (status) {
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

store::Kind KindOf(const Route& route) {
  switch (route.place) {
    case Place::kBlob:
    case Place::kUploads:
    case Place::kUpload:
      return store::Kind::kBlob;
    case Place::kManifest:
      return LooksLikeDigest(route.reference) ? store::Kind::kManifest : store::Kind::kTag;
    case Place::kTagReference:
      return store::Kind::kTag;
    case Place::kReferrers:
      return store::Kind::kManifest;
    case Place::kTags:
      return store::Kind::kRepository;
    default:
      return store::Kind::kSystem;
  }
}

void Cap(std::string& text, std::size_t size) {
  if (text.size() > size) text.resize(size);
}

}  // namespace

store::Event Seal(Draft draft) {
  draft.event.details = store::EncodeDetails(draft.details);
  return std::move(draft.event);
}

Draft BlobEvent(const Call& call, store::Action action, std::string_view digest, std::uint64_t size,
                std::string_view from) {
  Draft draft = NewDraft(call, action, store::Kind::kBlob);
  draft.event.digest = digest;
  draft.event.media_type = kBlobType;
  draft.event.size = static_cast<std::int64_t>(size);
  draft.details.url = call.MakeUrls().Blob(call.route.name, digest);
  draft.details.from_repository = from;
  return draft;
}

Draft ManifestEvent(const Call& call, store::Action action, const ManifestFacts& manifest, std::string_view tag) {
  Draft draft = NewDraft(call, action, tag.empty() ? store::Kind::kManifest : store::Kind::kTag);
  draft.event.tag = tag;
  draft.event.digest = manifest.digest;
  draft.event.media_type = manifest.media_type;
  draft.event.size = static_cast<std::int64_t>(manifest.size);
  draft.details.url = call.MakeUrls().Manifest(call.route.name, manifest.digest);
  draft.details.subject = manifest.subject;
  draft.details.artifact_type = manifest.artifact_type;
  if (call.config().events.include_references) draft.details.references = manifest.references;
  return draft;
}

Draft DeletedEvent(const Call& call, store::Kind kind, std::string_view digest_or_tag) {
  Draft draft = NewDraft(call, store::Action::kDelete, kind);
  (kind == store::Kind::kTag ? draft.event.tag : draft.event.digest) = digest_or_tag;
  return draft;
}

Draft RefusedEvent(const Call& call, int status) {
  Draft draft = NewDraft(call, store::Action::kRefused, KindOf(call.route));
  store::Event& event = draft.event;
  store::Details& details = draft.details;
  // The reference of an upload is its id, neither a tag nor a digest.
  if (call.route.place != Place::kUpload) {
    (event.kind == store::Kind::kTag ? event.tag : event.digest) = call.route.reference;
  }
  details.request_uri = call.request.path();
  details.status = status;
  details.error_code = RefusalCode(status);
  Cap(event.actor, kMaxText);
  Cap(event.repository, kMaxText);
  Cap(event.digest, kMaxText);
  Cap(details.request_host, kMaxText);
  Cap(details.request_method, kMaxMethod);
  Cap(details.request_useragent, kMaxAgent);
  Cap(details.request_uri, kMaxUri);
  return draft;
}

std::string ClaimedName(const http::Request& request) {
  constexpr std::string_view kBasic = "basic ";
  const std::string_view header = request.fields.Get("Authorization");
  if (header.size() <= kBasic.size() || !http::EqualsIgnoreCase(header.substr(0, kBasic.size()), kBasic)) return {};
  std::string text(header.substr(kBasic.size())), decoded;
  while (text.size() % 4 != 0) text += '=';  // some clients leave it out
  if (!runtime::Base64Decode(text, decoded)) return {};
  const std::size_t colon = decoded.find(':');
  return colon == std::string::npos ? std::string() : decoded.substr(0, colon);
}

}  // namespace portcall::registry
