#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "registry/recording/events.h"
#include "runtime/memory_budget.h"
#include "runtime/mutex.h"

namespace portcall::registry {

// A manifest as it is served; immutable and shared by every response that sends it.
struct StoredManifest {
  std::string digest, media_type, bytes;
  // What it refers to, for events that say so; null where nobody asked for them when it was loaded.
  ReferencesPtr references;
  runtime::MemoryShare memory = {};  // of its bytes, counted once for all that hold it
};
using StoredManifestPtr = std::shared_ptr<const StoredManifest>;

// Manifests by repository and reference (tag or digest), also the largest that can be pushed: the bound is on all of
// them together, and those that were not used for long go out first, about. Nothing stale is ever found:
// while a reference is being changed it is not cached, and what was read before a change does not go in after it
// (docs/delivery.md §8). What nobody reads makes room for whoever needs it. Callable from any thread.
class ManifestCache final : private runtime::MemoryBudget::Keeper {
 public:
  // `budget`, where there is one, is that of the manifests' shares, and outlives the cache.
  explicit ManifestCache(std::size_t max_bytes, runtime::MemoryBudget* budget = nullptr);
  ~ManifestCache() override;

  // Find gives a ticket for Put, which drops the value if anything was changed since that Find.
  struct Ticket {
    std::uint64_t changes = 0, deletions = 0;
  };
  StoredManifestPtr Find(std::string_view repository, std::string_view reference, Ticket& ticket);
  void Put(std::string_view repository, std::string_view reference, StoredManifestPtr manifest, Ticket ticket);

  // Of those manifests whose hashes share a place. Whoever deletes one does not know its tags: what was put in before,
  // under whichever name, is not found after it.
  struct Deletions {
    std::atomic<std::uint64_t> begun_or_ended = 0;
    std::atomic<std::uint32_t> under_way = 0;
  };

  // A change of references under way: from before its transaction ends until after its commit is known.
  class Change {
   public:
    explicit Change(ManifestCache& cache) : cache_(cache) {}
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;
    ~Change();
    // Any thread, one call at a time.
    void Covers(std::string_view repository, std::string_view reference);
    // The manifest, and all tags that name it, whichever they are.
    void CoversManifest(std::string_view repository, std::string_view digest);

   private:
    ManifestCache& cache_;
    std::vector<std::pair<std::string, std::string>> covered_;
    Deletions* deletions_ = nullptr;
  };

 private:
  struct KeyView {
    std::string_view repository, reference;
    bool operator==(const KeyView&) const = default;
  };
  struct Entry {
    std::string repository, reference;
    StoredManifestPtr manifest;
    std::uint64_t deletions = 0;  // of manifests that share its place with this one, when it was put in
    std::size_t cost() const;
    bool counts() const { return manifest->memory.counted() > 0; }
  };
  struct Hash {
    std::size_t operator()(const KeyView& key) const;
  };
  // The views in the index point into the list's own strings, which do not move.
  struct Shard {
    runtime::Mutex mutex;
    std::list<Entry> entries GUARDED_BY(mutex);  // most recently used first
    std::unordered_map<KeyView, std::list<Entry>::iterator, Hash> index GUARDED_BY(mutex);
    std::vector<const Entry*> counted GUARDED_BY(mutex);  // what has a share of the budget: it is large, and seldom
    // Once for each change that is under way.
    std::multiset<std::pair<std::string, std::string>> changing GUARDED_BY(mutex);
    std::uint64_t changes GUARDED_BY(mutex) = 0;
    std::size_t Erase(const KeyView& key) REQUIRES(mutex);  // what that gave back
  };
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kDeletions = 1024;
  std::size_t ShardOf(const KeyView& key) const { return Hash()(key) % kShards; }
  Deletions& DeletionsOf(std::string_view repository, std::string_view digest) {
    return deletions_[Hash()({repository, digest}) / kShards % kDeletions];
  }
  void Shrink(std::size_t shard);  // beginning with this one
  void LetGo(std::uint64_t bytes) override;

  std::array<Shard, kShards> shards_;
  std::array<Deletions, kDeletions> deletions_;
  std::atomic<std::uint64_t> all_deletions_ = 0;
  const std::size_t max_bytes_;
  runtime::MemoryBudget* const budget_;
  std::atomic<std::size_t> bytes_ = 0;  // of all shards
};

}  // namespace portcall::registry
