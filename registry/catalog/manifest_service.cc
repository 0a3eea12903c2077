#include "registry/catalog/manifest_service.h"

#include <utility>

#include "registry/recording/events.h"
#include "registry/request/reference.h"
#include "store/catalog.h"
#include "store/catalog_changes.h"

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

Task<Result<std::vector<std::string>>> ReadTagsOf(Call& call, const std::string& digest) {
  auto query = [&](store::Snapshot& snapshot) -> Result<std::vector<std::string>> {
    return store::TagsOf(snapshot, call.route.name, digest);
  };
  co_return co_await call.core.deps.store.Read(query);
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
  const ManifestFacts facts{push.digest,           push.media_type,
                            push.bytes.size(),     push.manifest.references,
                            push.manifest.subject, ArtifactTypeForEvents(push.manifest)};
  Draft draft = ManifestEvent(call, store::Action::kPush, facts, push.tags.empty() ? "" : push.tags.front());
  store::ManifestPush request;
  request.repository = repository;
  request.manifest = {push.digest,
                      push.media_type,
                      push.bytes,
                      push.manifest.subject,
                      push.manifest.artifact_type,
                      push.manifest.annotations};
  request.blobs = push.manifest.blobs;
  request.manifests = push.manifest.children;
  request.tags = push.tags;
  request.details = draft.details;
  request.event = Seal(std::move(draft));

  ManifestCache::Change change(call.core.cache);
  change.Covers(repository, push.digest);
  for (const std::string& tag : push.tags) change.Covers(repository, tag);
  auto job = [&request](store::Tx& tx) -> Result<std::vector<std::string>> { return store::PushManifest(tx, request); };
  co_return co_await call.core.deps.store.Write(job);
}

// The tags are read first, because the cache must know of them before they are gone; the store refuses when there are
// others by then.
Task<Result<bool>> DeleteManifest(Call& call, const std::string& digest) {
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    Result<std::vector<std::string>> tags = co_await ReadTagsOf(call, digest);
    if (!tags) co_return tags.error();
    store::ManifestDeletion deletion;
    deletion.repository = call.route.name;
    deletion.digest = digest;
    deletion.event = Seal(DeletedEvent(call, store::Kind::kManifest, digest));
    ManifestCache::Change change(call.core.cache);
    change.Covers(call.route.name, digest);
    for (const std::string& tag : *tags) {
      change.Covers(call.route.name, tag);
      deletion.tag_events.push_back(Seal(DeletedEvent(call, store::Kind::kTag, tag)));
    }
    deletion.tags = std::move(*tags);
    auto job = [&deletion](store::Tx& tx) -> Result<store::Deleted> { return store::DeleteManifest(tx, deletion); };
    const Result<store::Deleted> done = co_await call.core.deps.store.Write(job);
    if (!done) co_return done.error();
    if (*done != store::Deleted::kOtherTags) co_return *done == store::Deleted::kYes;
  }
  co_return Error(Errc::kUnavailable, "the manifest is being tagged all the time");
}

Task<Result<bool>> DeleteTag(Call& call, const std::string& tag) {
  const std::string& repository = call.route.name;
  const store::TagDeletion deletion{repository, tag, Seal(DeletedEvent(call, store::Kind::kTag, tag))};
  ManifestCache::Change change(call.core.cache);
  change.Covers(repository, tag);
  auto job = [&deletion](store::Tx& tx) -> Result<bool> { return store::DeleteTag(tx, deletion); };
  co_return co_await call.core.deps.store.Write(job);
}

}  // namespace portcall::registry
