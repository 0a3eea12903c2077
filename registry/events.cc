#include "registry/events.h"

#include <utility>

#include "runtime/bytes.h"

namespace portcall::registry {
namespace {

constexpr std::string_view kBlobType = "application/octet-stream";

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
  details.request_host = request.fields.Get("Host");
  details.request_method = request.method;
  details.request_useragent = request.fields.Get("User-Agent");
  details.source_addr = call.core.deps.source_addr;
  details.source_instance = call.core.deps.source_instance;
  return draft;
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
  if (call.config().events.include_references) draft.details.references = manifest.references;
  return draft;
}

Draft DeletedEvent(const Call& call, store::Kind kind, std::string_view digest_or_tag) {
  Draft draft = NewDraft(call, store::Action::kDelete, kind);
  (kind == store::Kind::kTag ? draft.event.tag : draft.event.digest) = digest_or_tag;
  return draft;
}

std::string ClaimedName(const http::Request& request) {
  constexpr std::string_view kBasic = "basic ";
  const std::string_view header = request.fields.Get("Authorization");
  if (header.size() <= kBasic.size() || !http::EqualsIgnoreCase(header.substr(0, kBasic.size()), kBasic)) return {};
  // Basic credentials come in the standard alphabet, perhaps without padding.
  std::string text(header.substr(kBasic.size())), decoded;
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (text.size() % 4 != 0) text += '=';
  if (!runtime::Base64UrlDecode(text, decoded)) return {};
  const std::size_t colon = decoded.find(':');
  return colon == std::string::npos ? std::string() : decoded.substr(0, colon);
}

}  // namespace portcall::registry
