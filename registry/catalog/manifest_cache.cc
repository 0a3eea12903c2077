#include "registry/catalog/manifest_cache.h"

#include <functional>

namespace portcall::registry {

std::size_t ManifestCache::Entry::cost() const {
  // A manifest known by tag and by digest counts twice: the bound is an upper one.
  std::size_t bytes = sizeof(Entry) + 256 + repository.size() + reference.size() + manifest->bytes.size();
  return bytes + (manifest->references ? 2 * manifest->references->bytes : 0);
}

std::size_t ManifestCache::Hash::operator()(const KeyView& key) const {
  const std::hash<std::string_view> hash;
  return hash(key.repository) * 31 + hash(key.reference);
}

std::size_t ManifestCache::Shard::Erase(const KeyView& key) {
  const auto found = index.find(key);
  if (found == index.end()) return 0;
  const auto entry = found->second;
  const std::size_t cost = entry->cost();
  if (entry->counts()) std::erase(counted, &*entry);
  index.erase(found);
  entries.erase(entry);
  return cost;
}

ManifestCache::ManifestCache(std::size_t max_bytes, runtime::MemoryBudget* budget)
    : max_bytes_(max_bytes), budget_(budget) {
  if (budget_ != nullptr) budget_->Add(*this);
}

ManifestCache::~ManifestCache() {
  if (budget_ != nullptr) budget_->Remove(*this);
}

// One entry of each shard in turn: the hash spreads them, so that the shards' oldest are about as old.
void ManifestCache::Shrink(std::size_t shard) {
  for (; bytes_.load(std::memory_order_relaxed) > max_bytes_; ++shard) {
    Shard& from = shards_[shard % kShards];
    const runtime::MutexLock lock(from.mutex);
    if (from.entries.empty()) continue;
    const Entry& oldest = from.entries.back();
    bytes_ -= from.Erase(KeyView{oldest.repository, oldest.reference});
  }
}

// Of each shard what has been in it longest. What somebody reads would not be given back, and be loaded once more.
void ManifestCache::LetGo(std::uint64_t bytes) {
  std::uint64_t given = 0;
  for (Shard& shard : shards_) {
    const runtime::MutexLock lock(shard.mutex);
    for (std::size_t i = 0; i < shard.counted.size() && given < bytes;) {
      const Entry& entry = *shard.counted[i];
      if (entry.manifest.use_count() > 1) {
        ++i;
        continue;
      }
      given += entry.manifest->memory.counted();
      bytes_ -= shard.Erase(KeyView{entry.repository, entry.reference});
    }
  }
}

StoredManifestPtr ManifestCache::Find(std::string_view repository, std::string_view reference, Ticket& ticket) {
  const KeyView key{repository, reference};
  Shard& shard = shards_[ShardOf(key)];
  const runtime::MutexLock lock(shard.mutex);
  ticket = {shard.changes, all_deletions_};
  const auto found = shard.index.find(key);
  if (found == shard.index.end()) return nullptr;
  const Entry& entry = *found->second;
  if (entry.deletions != DeletionsOf(repository, entry.manifest->digest).begun_or_ended) {
    bytes_ -= shard.Erase(key);
    return nullptr;
  }
  shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
  return found->second->manifest;
}

void ManifestCache::Put(std::string_view repository, std::string_view reference, StoredManifestPtr manifest,
                        Ticket ticket) {
  const KeyView key{repository, reference};
  const Deletions& deletions = DeletionsOf(repository, manifest->digest);
  Entry entry{std::string(repository), std::string(reference), std::move(manifest), deletions.begun_or_ended};
  const std::size_t cost = entry.cost();
  if (cost > max_bytes_ / 2) return;  // it would drive out too many others
  const std::size_t place = ShardOf(key);
  {
    Shard& shard = shards_[place];
    const runtime::MutexLock lock(shard.mutex);
    if (ticket.changes != shard.changes || shard.changing.contains({entry.repository, entry.reference})) return;
    // In this order: a deletion counts before it ends. One that begins later counts beyond what the entry has.
    if (deletions.under_way > 0 || ticket.deletions != all_deletions_) return;
    bytes_ -= shard.Erase(key);
    shard.entries.push_front(std::move(entry));
    const Entry& front = shard.entries.front();
    shard.index.emplace(KeyView{front.repository, front.reference}, shard.entries.begin());
    if (front.counts()) shard.counted.push_back(&front);
    bytes_ += cost;
  }
  Shrink(place + 1);
}

void ManifestCache::Change::Covers(std::string_view repository, std::string_view reference) {
  const KeyView key{repository, reference};
  covered_.emplace_back(repository, reference);
  Shard& shard = cache_.shards_[cache_.ShardOf(key)];
  const runtime::MutexLock lock(shard.mutex);
  shard.changing.insert(covered_.back());
  ++shard.changes;
  cache_.bytes_ -= shard.Erase(key);
}

void ManifestCache::Change::CoversManifest(std::string_view repository, std::string_view digest) {
  deletions_ = &cache_.DeletionsOf(repository, digest);
  ++deletions_->under_way;
  ++deletions_->begun_or_ended;
  ++cache_.all_deletions_;
  Covers(repository, digest);
}

ManifestCache::Change::~Change() {
  if (deletions_ != nullptr) {
    ++deletions_->begun_or_ended;
    ++cache_.all_deletions_;
    --deletions_->under_way;
  }
  for (const auto& covered : covered_) {
    Shard& shard = cache_.shards_[cache_.ShardOf(KeyView{covered.first, covered.second})];
    const runtime::MutexLock lock(shard.mutex);
    // One entry only: another change of the same reference may be under way and has an equal entry.
    shard.changing.erase(shard.changing.find(covered));
    ++shard.changes;
  }
}

}  // namespace portcall::registry
