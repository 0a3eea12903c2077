#include "registry/catalog/manifests.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "registry/recording/recorder.h"
#include "runtime/bytes.h"
#include "runtime/loops.h"
#include "store/catalog.h"
#include "store/catalog_changes.h"

namespace portcall::registry {
namespace {

constexpr std::size_t kCacheBytes = 64 << 20;
constexpr std::chrono::seconds kRoomPatience{2};

using Loading = std::shared_ptr<StoredManifest>;

void AddReferences(StoredManifest& manifest) {
  // Without rules: they were applied when the manifest was pushed.
  auto parsed = ParseManifest(manifest.media_type, manifest.bytes, ManifestRules());
  manifest.references = References::First(parsed ? std::move(parsed->references) : std::vector<store::Descriptor>());
}

Loading FromRow(store::ManifestRow row) {
  auto stored = std::make_shared<StoredManifest>();
  stored->digest = std::move(row.digest);
  stored->media_type = std::move(row.media_type);
  stored->bytes = std::move(row.bytes);
  return stored;
}

// What is cached counts, and must leave most of the budget to what is pushed and sent.
std::size_t CacheBytes(const runtime::MemoryBudget* budget) {
  return budget == nullptr ? kCacheBytes : std::min<std::size_t>(kCacheBytes, budget->most() / 4);
}

// What a push takes with its bytes and all that is made of them, about: an entry of each object that can be a
// descriptor, its event, and the event's text; then the events of further tags. What is larger than half of the budget
// would never find room in it.
std::uint64_t CostOf(const ManifestPush& push, const EventRules& rules, const runtime::MemoryBudget* budget) {
  constexpr std::size_t kEntry = 700, kShortest = 90, kEvent = 1024;
  const std::string& bytes = push.bytes;
  const auto objects = static_cast<std::size_t>(std::ranges::count(bytes, '{'));
  const std::size_t entries = kEntry * std::min(objects, bytes.size() / kShortest);
  const std::size_t listed = rules.references ? std::min(entries, References::kMaxPulled) : 0;
  const std::uint64_t cost = bytes.size() + entries + push.more_tags.size() * (kEvent + listed);
  return budget == nullptr ? cost : std::max<std::uint64_t>(bytes.size(), std::min(cost, budget->most() / 2));
}

Task<Result<Manifest>> Parse(asio::thread_pool& lane, const ManifestPush& push) {
  auto parse = [&push] { return ParseManifest(push.media_type, push.bytes, push.rules); };
  if (push.bytes.size() < kLargeManifest) co_return parse();
  co_return co_await runtime::RunOn(lane, parse);
}

}  // namespace

Manifests::Manifests(const RegistryDeps& deps, Recorder& recorder)
    : deps_(deps), recorder_(recorder), cache_(CacheBytes(deps.memory), deps.memory) {}

Task<Result<StoredManifestPtr>> Manifests::Find(const EventRules& rules, const std::string& repository,
                                                const Reference& reference) {
  ManifestCache::Ticket ticket;
  StoredManifestPtr hit = cache_.Find(repository, reference.text(), ticket);
  if (hit && (hit->references || !rules.references)) co_return hit;
  auto query = [&](store::Snapshot& snapshot) -> Result<Loading> {
    std::optional<std::string> digest = reference.text();
    if (reference.is_tag()) digest = store::FindTag(snapshot, repository, reference.text());
    if (!digest) return Loading();
    auto row = store::FindManifest(snapshot, repository, *digest);
    if (!row) return Loading();
    Loading found = FromRow(std::move(*row));
    // Here, where few are at a time: what the loops have not come to yet would be counted by nobody.
    found->memory = runtime::MemoryShare(deps_.memory);
    if (!found->memory.Grow(found->bytes.size())) {
      deps_.memory->CountRefusal();
      return runtime::MemoryBudget::Refusal();
    }
    if (rules.references && found->bytes.size() < kLargeManifest) AddReferences(*found);
    return found;
  };
  Result<Loading> loaded = co_await deps_.store.Read(query);
  if (!loaded) co_return loaded.error();
  StoredManifest* found = loaded->get();
  if (found == nullptr) co_return StoredManifestPtr();
  if (rules.references && !found->references) {
    auto parse = [found] { AddReferences(*found); };
    co_await runtime::RunOn(deps_.hashing, parse);
  }
  cache_.Put(repository, reference.text(), *loaded, ticket);
  co_return StoredManifestPtr(*std::move(loaded));
}

Task<Result<void>> Manifests::Pulled(const OriginPtr& origin, const EventRules& rules, const std::string& repository,
                                     const Reference& reference, const StoredManifest& manifest) {
  const ManifestFacts facts{manifest.digest, manifest.media_type, manifest.bytes.size(), manifest.references};
  return recorder_.RecordPull(ManifestEvent(origin, rules, repository, store::Action::kPull, facts, reference.tag()),
                              rules.pulls);
}

Task<std::string> Manifests::DigestOf(std::string_view algorithm, const std::string& bytes) {
  auto hash = [&] { return std::string(algorithm) + ":" + runtime::HashHex(std::string(algorithm), bytes); };
  if (bytes.size() < kLargeManifest) co_return hash();
  co_return co_await runtime::RunOn(deps_.hashing, hash);
}

Task<Result<PushedManifest>> Manifests::Push(const OriginPtr& origin, const EventRules& rules, ManifestPush asked) {
  using State = PushedManifest::State;
  if (asked.bytes.size() > kMaxManifestBytes) co_return Error(Errc::kTooLarge, "the manifest is too large");
  if (asked.memory != nullptr) {
    const std::uint64_t cost = CostOf(asked, rules, asked.memory->budget());
    if (!co_await runtime::GrowInTime(*asked.memory, cost, kRoomPatience)) {
      co_return runtime::MemoryBudget::Refusal();
    }
  }
  Result<Manifest> manifest = co_await Parse(deps_.hashing, asked);
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

// Takes what is large of `push`.
store::ManifestPush Manifests::RequestOf(const OriginPtr& origin, const EventRules& rules,
                                         const std::string& repository, PreparedPush& push) {
  Manifest& manifest = push.manifest;
  const std::string artifact_type(ArtifactTypeForEvents(manifest));
  const auto draft = [&](ReferencesPtr references) {
    const ManifestFacts facts{push.digest,           push.media_type,  push.bytes.size(),
                              std::move(references), manifest.subject, artifact_type};
    const std::string_view tag = push.tags.empty() ? std::string_view() : push.tags.front();
    return ManifestEvent(origin, rules, repository, store::Action::kPush, facts, tag);
  };
  store::ManifestPush request;
  if (push.tags.size() > 1) {
    Draft other = draft(rules.references ? References::First(manifest.references) : nullptr);
    request.details = DetailsOf(other.event, std::move(other.details), *other.origin);
  }
  request.event = Seal(draft(rules.references ? References::All(std::move(manifest.references)) : nullptr));
  request.repository = repository;
  request.manifest = {push.digest,
                      push.media_type,
                      std::move(push.bytes),
                      manifest.subject,
                      std::move(manifest.artifact_type),
                      std::move(manifest.annotations)};
  request.blobs = std::move(manifest.blobs);
  request.manifests = std::move(manifest.children);
  request.tags = push.tags;
  return request;
}

Task<Result<std::vector<std::string>>> Manifests::Store(const OriginPtr& origin, const EventRules& rules,
                                                        const std::string& repository, PreparedPush& push) {
  store::ManifestPush request;
  const auto prepare = [&] { request = RequestOf(origin, rules, repository, push); };
  if (push.bytes.size() < kLargeManifest) {
    prepare();
  } else {
    co_await runtime::RunOn(deps_.hashing, prepare);
  }

  ManifestCache::Change change(cache_);
  change.Covers(repository, push.digest);
  for (const std::string& tag : push.tags) change.Covers(repository, tag);
  auto job = [&request](store::Tx& tx) -> Result<std::vector<std::string>> { return store::PushManifest(tx, request); };
  co_return co_await deps_.store.Write(job);
}

Task<Result<bool>> Manifests::Delete(const OriginPtr& origin, const std::string& repository,
                                     const Reference& reference) {
  return reference.is_tag() ? DeleteTag(origin, repository, reference.text())
                            : DeleteManifest(origin, repository, reference.text());
}

// The writer looks for the tags: there may be more than anybody wants to hold, or than a loop can go through.
Task<Result<bool>> Manifests::DeleteManifest(const OriginPtr& origin, const std::string& repository,
                                             const std::string& digest) {
  const store::ManifestDeletion deletion{repository, digest,
                                         Seal(DeletedEvent(origin, repository, store::Kind::kManifest, digest)),
                                         Seal(DeletedEvent(origin, repository, store::Kind::kTag, {}))};
  ManifestCache::Change change(cache_);
  change.CoversManifest(repository, digest);
  auto job = [&deletion](store::Tx& tx) -> Result<bool> { return store::DeleteManifest(tx, deletion); };
  co_return co_await deps_.store.Write(job);
}

Task<Result<bool>> Manifests::DeleteTag(const OriginPtr& origin, const std::string& repository,
                                        const std::string& tag) {
  const store::TagDeletion deletion{repository, tag, Seal(DeletedEvent(origin, repository, store::Kind::kTag, tag))};
  ManifestCache::Change change(cache_);
  change.Covers(repository, tag);
  auto job = [&deletion](store::Tx& tx) -> Result<bool> { return store::DeleteTag(tx, deletion); };
  co_return co_await deps_.store.Write(job);
}

}  // namespace portcall::registry
