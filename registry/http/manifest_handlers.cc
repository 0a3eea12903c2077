#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "registry/catalog/manifest_service.h"
#include "registry/http/conditions.h"
#include "registry/http/handlers.h"
#include "registry/http/replies.h"
#include "registry/model/reference.h"
#include "registry/recording/events.h"
#include "registry/recording/pull_recorder.h"
#include "runtime/bytes.h"
#include "runtime/http/url.h"
#include "runtime/loops.h"
#include "store/digest.h"

namespace portcall::registry {
namespace {

// Larger bodies are hashed on the pool: on the loop they would hold up its other connections.
constexpr std::size_t kHashOnPool = 64 << 10;
constexpr std::size_t kMaxExtraTags = 32;

http::Response Unknown(const Call& call) {
  const std::string& reference = call.route.reference;
  if (!LooksLikeDigest(reference)) return Fail(Code::kManifestUnknown, QuoteObject({{"Tag", reference}}));
  return Fail(Code::kManifestUnknown, QuoteObject({{"Name", call.route.name}, {"Revision", reference}}));
}

// Ignores the Accept header: some clients name too few types, yet can read whatever is stored.
Task<http::Response> Get(Call& call) {
  const std::string& reference = call.route.reference;
  const Result<StoredManifestPtr> loaded = co_await LoadManifest(call, reference);
  if (!loaded) co_return FailWith(loaded.error());
  const StoredManifestPtr& stored = *loaded;
  if (!stored) co_return Unknown(call);
  http::Response response;
  response.fields.Add("Docker-Content-Digest", stored->digest);
  response.fields.Add("Etag", EtagOf(stored->digest));
  if (NoneMatchNames(call.request.fields.Get("If-None-Match"), stored->digest)) {
    response.status = 304;
    co_return response;
  }
  const EventRules rules = EventRulesOf(call.config());
  if (rules.pulls != config::PullEvents::kOff) {
    const ManifestFacts facts{stored->digest, stored->media_type, stored->bytes.size(), stored->references};
    const bool by_tag = !LooksLikeDigest(reference);
    Draft draft = ManifestEvent(call.origin, rules, call.route.name, store::Action::kPull, facts,
                                by_tag ? reference : std::string_view());
    const Result<void> recorded = co_await call.core.pulls.Record(std::move(draft), rules.pulls);
    if (!recorded) co_return FailWith(recorded.error());
  }
  response.fields.Add("Content-Type", stored->media_type);
  if (call.head()) {
    response.head_length = stored->bytes.size();
  } else {
    response.body = std::shared_ptr<const std::string>(stored, &stored->bytes);
  }
  co_return response;
}

http::Response TooLarge() {
  http::Response response = Fail(Code::kManifestInvalid,
                                 Quote("the manifest is larger than " + std::to_string(kMaxManifestBytes) + " bytes"));
  response.status = 413;
  return response;
}

http::Response Missing(const std::vector<std::string>& digests) {
  std::vector<Failure> failures;
  failures.reserve(digests.size());
  for (const std::string& digest : digests) failures.emplace_back(Code::kManifestBlobUnknown, Quote(digest));
  return Fail(failures);
}

Task<std::string> HashOf(Call& call, const std::string& algorithm, const std::string& bytes) {
  auto hash = [&] { return runtime::HashHex(algorithm, bytes); };
  if (bytes.size() < kHashOnPool) co_return hash();
  co_return co_await runtime::RunOn(call.core.deps.pool, hash);
}

// The tags of a push: that of the path, and those that the query adds.
Result<std::vector<std::string>> TagsOf(const Call& call) {
  std::vector<std::string> tags;
  if (!LooksLikeDigest(call.route.reference)) tags.push_back(call.route.reference);
  if (call.request.query().empty()) return tags;
  for (std::string& tag : http::QueryValues(call.request.query(), "tag")) {
    if (!IsTag(tag)) return Error(Errc::kInvalid, "not a tag: " + tag.substr(0, 128));
    if (std::ranges::find(tags, tag) == tags.end()) tags.push_back(std::move(tag));
    if (tags.size() > kMaxExtraTags) return Error(Errc::kInvalid, "too many tags for one push");
  }
  return tags;
}

http::Response Pushed(const Call& call, const ManifestPush& push) {
  http::Response response = Empty(201);
  response.fields.Add("Location", call.MakeUrls().Manifest(call.route.name, push.digest));
  response.fields.Add("Docker-Content-Digest", push.digest);
  if (!push.manifest.subject.empty()) response.fields.Add("OCI-Subject", push.manifest.subject);
  for (const std::string& tag : push.tags) {
    if (tag != call.route.reference) response.fields.Add("OCI-Tag", tag);
  }
  return response;
}

Task<http::Response> Put(Call& call) {
  const std::string& reference = call.route.reference;
  std::string algorithm = "sha256";
  if (LooksLikeDigest(reference)) {
    const auto named = store::Digest::Parse(reference);
    if (!named) co_return Fail(Code::kDigestInvalid, Quote("digest parsing failed"));
    algorithm = named->algorithm();
  }
  auto tags = TagsOf(call);
  if (!tags) co_return Fail(Code::kTagInvalid, Quote(tags.error().detail));
  if (call.request.body->length().value_or(0) > kMaxManifestBytes) co_return TooLarge();
  Result<std::string> bytes = co_await http::ReadAll(*call.request.body, kMaxManifestBytes);
  if (!bytes) co_return bytes.error().code == Errc::kTooLarge ? TooLarge() : FailBody(bytes.error());

  ManifestPush push;
  push.bytes = std::move(*bytes);
  push.tags = std::move(*tags);
  push.media_type = MediaTypeOf(call.request.fields.Get("Content-Type"));
  const ManifestRules rules{call.config().manifest_urls_allowed};
  Result<Manifest> manifest = ParseManifest(push.media_type, push.bytes, rules);
  if (!manifest) co_return Fail(Code::kManifestInvalid, Quote(manifest.error().detail));
  push.manifest = std::move(*manifest);
  push.digest = algorithm + ":";
  push.digest += co_await HashOf(call, algorithm, push.bytes);
  if (LooksLikeDigest(reference) && push.digest != reference) co_return Fail(Code::kDigestInvalid);

  const Result<std::vector<std::string>> missing = co_await PushManifest(call, push);
  if (!missing) co_return FailWith(missing.error());
  if (!missing->empty()) co_return Missing(*missing);
  co_return Pushed(call, push);
}

Task<http::Response> Delete(Call& call) {
  if (!call.config().storage.delete_enabled) co_return Fail(Code::kUnsupported);
  const std::string& reference = call.route.reference;
  const bool by_digest = LooksLikeDigest(reference);
  if (by_digest && !store::Digest::Parse(reference)) co_return Fail(Code::kDigestInvalid);
  const Result<bool> found = by_digest ? co_await DeleteManifest(call, reference) : co_await DeleteTag(call, reference);
  if (!found) co_return FailWith(found.error());
  co_return *found ? Empty(202) : Unknown(call);
}

}  // namespace

Task<http::Response> HandleManifest(Call& call) {
  const std::string& method = call.request.method;
  if (method == "PUT") co_return co_await Put(call);
  if (method == "DELETE") co_return co_await Delete(call);
  if (LooksLikeDigest(call.route.reference) && !store::Digest::Parse(call.route.reference)) {
    co_return Fail(Code::kDigestInvalid, Quote("digest parsing failed"));
  }
  co_return co_await Get(call);
}

Task<http::Response> HandleTagReference(Call& call) { co_return co_await Delete(call); }

}  // namespace portcall::registry
