#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "registry/http/conditions.h"
#include "registry/http/handlers.h"
#include "registry/http/replies.h"
#include "registry/model/reference.h"
#include "runtime/http/url.h"

namespace portcall::registry {
namespace {

constexpr std::size_t kMostTags = 32;  // of one push

Reply Unknown(const Call& call, const Reference& reference) {
  if (reference.is_tag()) return Fail(Code::kManifestUnknown, QuoteObject({{"Tag", reference.text()}}));
  return Fail(Code::kManifestUnknown, QuoteObject({{"Name", call.route.name}, {"Revision", reference.text()}}));
}

// Ignores the Accept header: some clients name too few types, yet can read whatever is stored.
Task<Reply> Get(Call& call, const Reference& reference) {
  Manifests& manifests = call.catalog.manifests();
  const Result<StoredManifestPtr> found = co_await manifests.Find(call.settings.events, call.route.name, reference);
  if (!found) co_return FailWith(found.error());
  const StoredManifestPtr& stored = *found;
  if (!stored) co_return Unknown(call, reference);
  Reply response;
  response.fields.Add("Docker-Content-Digest", stored->digest);
  response.fields.Add("Etag", EtagOf(stored->digest));
  if (NoneMatchNames(call.request.fields.Get("If-None-Match"), stored->digest)) {
    response.status = 304;
    co_return response;
  }
  if (call.records_pulls()) {
    const Result<void> pulled =
        co_await manifests.Pulled(call.origin(), call.settings.events, call.route.name, reference, *stored);
    if (!pulled) co_return FailWith(pulled.error());
  }
  response.fields.Add("Content-Type", stored->media_type);
  if (call.head()) {
    response.head_length = stored->bytes.size();
  } else {
    response.body = std::shared_ptr<const std::string>(stored, &stored->bytes);
  }
  co_return response;
}

Reply TooLarge() {
  Reply response = Fail(Code::kManifestInvalid,
                        Quote("the manifest is larger than " + std::to_string(kMaxManifestBytes) + " bytes"));
  response.status = 413;
  return response;
}

Reply Missing(const std::vector<std::string>& digests) {
  std::vector<Failure> failures;
  failures.reserve(digests.size());
  for (const std::string& digest : digests) failures.emplace_back(Code::kManifestBlobUnknown, Quote(digest));
  return Fail(failures);
}

// The tags that the query adds to that of the path.
Result<std::vector<std::string>> MoreTags(const Call& call, const Reference& reference) {
  std::vector<std::string> tags;
  if (call.request.query().empty()) return tags;
  for (std::string& tag : http::QueryValues(call.request.query(), "tag")) {
    if (!IsTag(tag)) return Error(Errc::kInvalid, "not a tag: " + tag.substr(0, 128));
    if (tag != reference.tag() && std::ranges::find(tags, tag) == tags.end()) tags.push_back(std::move(tag));
    if (tags.size() + (reference.is_tag() ? 1 : 0) > kMostTags) {
      return Error(Errc::kInvalid, "too many tags for one push");
    }
  }
  return tags;
}

Reply Pushed(const Call& call, const PushedManifest& manifest, const std::vector<std::string>& more_tags) {
  Reply response = Empty(201);
  response.fields.Add("Location", call.MakeUrls().Manifest(call.route.name, manifest.digest));
  response.fields.Add("Docker-Content-Digest", manifest.digest);
  if (!manifest.subject.empty()) response.fields.Add("OCI-Subject", manifest.subject);
  for (const std::string& tag : more_tags) response.fields.Add("OCI-Tag", tag);
  return response;
}

Task<Reply> Put(Call& call, const Reference& reference) {
  const auto more_tags = MoreTags(call, reference);
  if (!more_tags) co_return Fail(Code::kTagInvalid, Quote(more_tags.error().detail));
  if (call.request.body->length().value_or(0) > kMaxManifestBytes) co_return TooLarge();
  Result<std::string> bytes = co_await http::ReadAll(*call.request.body, kMaxManifestBytes, call.request.memory);
  if (!bytes) co_return bytes.error().code == Errc::kTooLarge ? TooLarge() : FailBody(bytes.error());

  ManifestPush push{call.route.name,    reference,
                    *more_tags,         MediaTypeOf(call.request.fields.Get("Content-Type")),
                    std::move(*bytes),  call.config().validation,
                    call.request.memory};
  const Result<PushedManifest> pushed =
      co_await call.catalog.manifests().Push(call.origin(), call.settings.events, std::move(push));
  if (!pushed) co_return FailWith(pushed.error());
  switch (pushed->state) {
    case PushedManifest::State::kMalformed:
      co_return Fail(Code::kManifestInvalid, Quote(pushed->why));
    case PushedManifest::State::kOtherDigest:
      co_return Fail(Code::kDigestInvalid);
    case PushedManifest::State::kIncomplete:
      co_return Missing(pushed->missing);
    case PushedManifest::State::kStored:
      break;
  }
  co_return Pushed(call, *pushed, *more_tags);
}

Task<Reply> Delete(Call& call, const Reference& reference) {
  if (!call.config().storage.delete_enabled) co_return Fail(Code::kUnsupported);
  if (reference.malformed()) co_return Fail(Code::kDigestInvalid);
  const Result<bool> found = co_await call.catalog.manifests().Delete(call.origin(), call.route.name, reference);
  if (!found) co_return FailWith(found.error());
  co_return *found ? Empty(202) : Unknown(call, reference);
}

}  // namespace

Task<Reply> HandleManifest(Call& call) {
  const std::string& method = call.request.method;
  const Reference reference = Reference::Parse(call.route.reference);
  if (method == "DELETE") co_return co_await Delete(call, reference);
  if (reference.malformed()) co_return Fail(Code::kDigestInvalid, Quote("digest parsing failed"));
  if (method == "PUT") co_return co_await Put(call, reference);
  co_return co_await Get(call, reference);
}

Task<Reply> HandleTagReference(Call& call) {
  const Reference reference = Reference::Parse(call.route.reference);
  co_return co_await Delete(call, reference);
}

}  // namespace portcall::registry
