#include "registry/catalog/manifests.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "registry/recording/recorder.h"
#include "runtime/bytes.h"
#include "runtime/loops.h"
#include "store/catalog.h"
#include "store/event_log.h"

namespace portcall::registry {
namespace {

constexpr std::size_t kCacheBytes = 64 << 20;
// What is larger is hashed on the pool: on the loop it would hold up its connections.
constexpr std::size_t kHashOnPool = 64 << 10;

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

Manifests::Manifests(const RegistryDeps& deps, Recorder& recorder)
    : deps_(deps), recorder_(recorder), cache_(kCacheBytes) {}

Task<Result<StoredManifestPtr>> Manifests::Find(const std::string& repository, const Reference& reference) {
  ManifestCache::Ticket ticket = 0;
  if (StoredManifestPtr hit = cache_.Find(repository, reference.text(), ticket)) co_return hit;
  auto query = [&](store::Snapshot& snapshot) -> Result<StoredManifestPtr> {
    std::optional<std::string> digest = reference.text();
    if (reference.is_tag()) digest = store::FindTag(snapshot, repository, reference.text());
    if (!digest) return StoredManifestPtr();
    auto row = store::FindManifest(snapshot, repository, *digest);
    return row ? FromRow(std::move(*row)) : StoredManifestPtr();
  };
  Result<StoredManifestPtr> loaded = co_await deps_.store.Read(query);
  if (loaded && *loaded) cache_.Put(repository, reference.text(), *loaded, ticket);
  co_return loaded;
}

Task<Result<void>> Manifests::Pulled(const OriginPtr& origin, const EventRules& rules, const std::string& repository,
                                     const Reference& reference, const StoredManifest& manifest) {
  const ManifestFacts facts{manifest.digest, manifest.media_type, manifest.bytes.size(), manifest.references};
  return recorder_.RecordPull(ManifestEvent(origin, rules, repository, store::Action::kPull, facts, reference.tag()),
                              rules.pulls);
}

Task<std::string> Manifests::DigestOf(std::string_view algorithm, const std::string& bytes) {
  auto hash = [&] { return std::string(algorithm) + ":" + runtime::HashHex(std::string(algorithm), bytes); };
  if (bytes.size() < kHashOnPool) co_return hash();
  co_return co_await runtime::RunOn(deps_.pool, hash);
}

Task<Result<PushedManifest>> Manifests::Push(const OriginPtr& origin, const EventRules& rules, ManifestPush asked) {
  using State = PushedManifest::State;
  if (asked.bytes.size() > kMaxManifestBytes) co_return Error(Errc::kTooLarge, "the manifest is too large");
  Result<Manifest> manifest = ParseManifest(asked.media_type, asked.bytes, asked.rules);
  if (!manifest) co_return PushedManifest{State::kMalformed, manifest.error().detail, {}, {}, {}};
  PreparedPush push;
  push.digest = co_await DigestOf(asked.reference.algorithm(), asked.bytes);
  if (asked.reference.is_digest() && push.digest != asked.reference.text()) {
    co_return PushedManifest{State::kOtherDigest, {}, {}, {}, {}};
  }
  push.media_type = std::move(asked.media_type);
  push.bytes = std::move(asked.bytes);
  push.manifest = std::move(*manifest);
  if (asked.reference.is_tag()) push.tags.push_back(asked.reference.text());
  for (std::string& tag : asked.more_tags) {
    if (std::ranges::find(push.tags, tag) == push.tags.end()) push.tags.push_back(std::move(tag));
  }
  Result<std::vector<std::string>> missing = co_await Store(origin, rules, asked.repository, push);
  if (!missing) co_return missing.error();
  if (!missing->empty()) co_return PushedManifest{State::kIncomplete, {}, {}, {}, std::move(*missing)};
  co_return PushedManifest{State::kStored, {}, std::move(push.digest), std::move(push.manifest.subject), {}};
}

Task<Result<std::vector<std::string>>> Manifests::Store(const OriginPtr& origin, const EventRules& rules,
                                                        const std::string& repository, const PreparedPush& push) {
  const store::ManifestRow row{push.digest,
                               push.media_type,
                               push.bytes,
                               push.manifest.subject,
                               push.manifest.artifact_type,
                               push.manifest.annotations};
  const ManifestFacts facts{push.digest,           push.media_type,
                            push.bytes.size(),     push.manifest.references,
                            push.manifest.subject, ArtifactTypeForEvents(push.manifest)};
  const Draft draft =
      ManifestEvent(origin, rules, repository, store::Action::kPush, facts, push.tags.empty() ? "" : push.tags.front());
  const store::Event event = Seal(draft);

  ManifestCache::Change change(cache_);
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
  const Result<void> done = co_await deps_.store.Write(job);
  if (!done && missing.empty()) co_return done.error();
  co_return missing;
}

Task<Result<bool>> Manifests::Delete(const OriginPtr& origin, const std::string& repository,
                                     const Reference& reference) {
  return reference.is_tag() ? DeleteTag(origin, repository, reference.text())
                            : DeleteManifest(origin, repository, reference.text());
}

Task<Result<bool>> Manifests::DeleteManifest(const OriginPtr& origin, const std::string& repository,
                                             const std::string& digest) {
  const store::Event event = Seal(DeletedEvent(origin, repository, store::Kind::kManifest, digest));
  ManifestCache::Change change(cache_);
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
      store::Append(tx, Seal(DeletedEvent(origin, repository, store::Kind::kTag, tag)));
    return {};
  };
  co_return FoundOf(co_await deps_.store.Write(job));
}

Task<Result<bool>> Manifests::DeleteTag(const OriginPtr& origin, const std::string& repository,
                                        const std::string& tag) {
  const store::Event event = Seal(DeletedEvent(origin, repository, store::Kind::kTag, tag));
  ManifestCache::Change change(cache_);
  change.Covers(repository, tag);
  auto job = [&](store::Tx& tx) -> Result<void> {
    if (!store::DeleteTag(tx, repository, tag)) return NotThere();
    store::Append(tx, event);
    return {};
  };
  co_return FoundOf(co_await deps_.store.Write(job));
}

}  // namespace portcall::registry
