#include "registry/catalog/manifest_service.h"

#include <string_view>
#include <unordered_set>
#include <utility>

#include "registry/model/reference.h"
#include "registry/recording/events.h"
#include "store/catalog.h"
#include "store/event_log.h"

namespace portcall::registry {
namespace {

StoredManifestPtr FromRow(store::ManifestRow row) {
  auto stored = std::make_shared<StoredManifest>();
  // Urls are allowed here: the rules on them were applied when the manifest was pushed.
  if (auto parsed = ParseManifest(row.media_type, row.bytes, ManifestRules{true})) {
    stored->references = std::move(parsed->references);
  }
  stored->digest = std::move(row.digest);
  stored->media_type = std::move(row.media_type);
  stored->bytes = std::move(row.bytes);
  return stored;
}

// An answer that lists more missing digests would not help the client.
constexpr std::size_t kMostMissing = 1000;

// Digests that the manifest names and the repository lacks. An index may also name blobs: build caches do.
std::vector<std::string> MissingOf(store::Tx& tx, const std::string& repository, const Manifest& manifest) {
  std::vector<std::string> missing;
  // Looks each digest up once: a manifest may repeat it tens of thousands of times, and all requests share the writer.
  std::unordered_set<std::string_view> seen;
  for (const std::string& blob : manifest.blobs) {
    if (missing.size() == kMostMissing) return missing;
    if (seen.insert(blob).second && !store::FindBlob(tx, repository, blob)) missing.push_back(blob);
  }
  for (const std::string& child : manifest.children) {
    if (missing.size() == kMostMissing) return missing;
    if (!seen.insert(child).second || store::ManifestExists(tx, repository, child)) continue;
    if (!store::FindBlob(tx, repository, child)) missing.push_back(child);
  }
  return missing;
}

Error NotThere() { return Error(Errc::kNotFound, "no such manifest or tag"); }

// A job that found nothing to delete fails with kNotFound, so that it costs no commit.
Result<bool> FoundOf(const Result<void>& done) {
  if (done) return true;
  if (done.error().code == Errc::kNotFound) return false;
  return done.error();
}

}  // namespace

Task<Result<StoredManifestPtr>> LoadManifest(Call& call, const std::string& reference) {
  const std::string& repository = call.route.name;
  ManifestCache::Ticket ticket = 0;
  if (StoredManifestPtr hit = call.core.cache.Find(repository, reference, ticket)) co_return hit;
  auto query = [&](store::Snapshot& snapshot) -> Result<StoredManifestPtr> {
    std::optional<std::string> digest = reference;
    if (!LooksLikeDigest(reference)) digest = store::FindTag(snapshot, repository, reference);
    if (!digest) return StoredManifestPtr();
    auto row = store::FindManifest(snapshot, repository, *digest);
    return row ? FromRow(std::move(*row)) : StoredManifestPtr();
  };
  Result<StoredManifestPtr> loaded = co_await call.core.deps.store.Read(query);
  if (loaded && *loaded) call.core.cache.Put(repository, reference, *loaded, ticket);
  co_return loaded;
}

Task<Result<std::vector<std::string>>> PushManifest(Call& call, const ManifestPush& push) {
  const std::string& repository = call.route.name;
  const store::ManifestRow row{push.digest,
                               push.media_type,
                               push.bytes,
                               push.manifest.subject,
                               push.manifest.artifact_type,
                               push.manifest.annotations};
  const ManifestFacts facts{push.digest,           push.media_type,
                            push.bytes.size(),     push.manifest.references,
                            push.manifest.subject, ArtifactTypeForEvents(push.manifest)};
  const Draft draft = ManifestEvent(call.origin, EventRulesOf(call.config()), repository, store::Action::kPush, facts,
                                    push.tags.empty() ? "" : push.tags.front());
  const store::Event event = Seal(draft);

  ManifestCache::Change change(call.core.cache);
  change.Covers(repository, push.digest);
  for (const std::string& tag : push.tags) change.Covers(repository, tag);
  std::vector<std::string> missing;
  auto job = [&](store::Tx& tx) -> Result<void> {
    missing = MissingOf(tx, repository, push.manifest);
    if (!missing.empty()) return Error(Errc::kInvalid, "content that the manifest names is missing");
    store::PutManifest(tx, repository, row);
    if (push.tags.empty()) store::Append(tx, event);
    for (const std::string& tag : push.tags) {
      auto previous = store::FindTag(tx, repository, tag);
      if (previous != push.digest) store::PutTag(tx, repository, tag, push.digest);
      if (!previous && tag == event.tag) {
        store::Append(tx, event);
        continue;
      }
      Draft moved = draft;
      moved.event.tag = tag;
      moved.details.previous_digest = std::move(previous).value_or("");
      store::Append(tx, Seal(std::move(moved)));
    }
    return {};
  };
  const Result<void> done = co_await call.core.deps.store.Write(job);
  if (!done && missing.empty()) co_return done.error();
  co_return missing;
}

Task<Result<bool>> DeleteManifest(Call& call, const std::string& digest) {
  const std::string& repository = call.route.name;
  const store::Event event = Seal(DeletedEvent(call.origin, repository, store::Kind::kManifest, digest));
  ManifestCache::Change change(call.core.cache);
  change.Covers(repository, digest);
  auto job = [&](store::Tx& tx) -> Result<void> {
    if (!store::ManifestExists(tx, repository, digest)) return NotThere();
    const std::vector<std::string> tags = store::TagsOf(tx, repository, digest);
    for (const std::string& tag : tags) {
      change.Covers(repository, tag);
      store::DeleteTag(tx, repository, tag);
    }
    store::DeleteManifest(tx, repository, digest);
    store::Append(tx, event);
    for (const std::string& tag : tags)
      store::Append(tx, Seal(DeletedEvent(call.origin, repository, store::Kind::kTag, tag)));
    return {};
  };
  co_return FoundOf(co_await call.core.deps.store.Write(job));
}

Task<Result<bool>> DeleteTag(Call& call, const std::string& tag) {
  const std::string& repository = call.route.name;
  const store::Event event = Seal(DeletedEvent(call.origin, repository, store::Kind::kTag, tag));
  ManifestCache::Change change(call.core.cache);
  change.Covers(repository, tag);
  auto job = [&](store::Tx& tx) -> Result<void> {
    if (!store::DeleteTag(tx, repository, tag)) return NotThere();
    store::Append(tx, event);
    return {};
  };
  co_return FoundOf(co_await call.core.deps.store.Write(job));
}

}  // namespace portcall::registry
