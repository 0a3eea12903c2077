#include "registry/catalog/manifest_cache.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace portcall::registry {
namespace {

StoredManifestPtr Stored(std::string digest, std::size_t size = 10) {
  auto stored = std::make_shared<StoredManifest>();
  stored->digest = std::move(digest);
  stored->bytes = std::string(size, 'x');
  return stored;
}

class ManifestCacheTest : public ::testing::Test {
 protected:
  ManifestCache cache_{16 << 20};
  ManifestCache::Ticket ticket_;
};

TEST_F(ManifestCacheTest, FindsWhatWasPut) {
  EXPECT_FALSE(cache_.Find("a", "v1", ticket_));
  const auto stored = Stored("d1");
  cache_.Put("a", "v1", stored, ticket_);
  EXPECT_EQ(cache_.Find("a", "v1", ticket_), stored);
  EXPECT_FALSE(cache_.Find("a", "v2", ticket_));
  EXPECT_FALSE(cache_.Find("b", "v1", ticket_));
}

TEST_F(ManifestCacheTest, AChangeTakesTheValueOut) {
  cache_.Find("a", "v1", ticket_);
  cache_.Put("a", "v1", Stored("d1"), ticket_);
  ManifestCache::Change change(cache_);
  change.Covers("a", "v1");
  EXPECT_FALSE(cache_.Find("a", "v1", ticket_));
}

TEST_F(ManifestCacheTest, WhatWasReadBeforeAChangeDoesNotGoInAfterIt) {
  cache_.Find("a", "v1", ticket_);
  {
    ManifestCache::Change change(cache_);
    change.Covers("a", "v1");
  }
  cache_.Put("a", "v1", Stored("old"), ticket_);
  ManifestCache::Ticket fresh;
  EXPECT_FALSE(cache_.Find("a", "v1", fresh));
  cache_.Put("a", "v1", Stored("new"), fresh);
  EXPECT_EQ(cache_.Find("a", "v1", ticket_)->digest, "new");
}

TEST_F(ManifestCacheTest, NothingGoesInWhileTwoChangesOverlap) {
  std::optional<ManifestCache::Change> first(std::in_place, cache_), second(std::in_place, cache_);
  first->Covers("a", "v1");
  second->Covers("a", "v1");
  first.reset();
  cache_.Find("a", "v1", ticket_);
  cache_.Put("a", "v1", Stored("between"), ticket_);
  EXPECT_FALSE(cache_.Find("a", "v1", ticket_));
  second.reset();
  cache_.Find("a", "v1", ticket_);
  cache_.Put("a", "v1", Stored("after"), ticket_);
  EXPECT_TRUE(cache_.Find("a", "v1", ticket_));
}

TEST_F(ManifestCacheTest, ADeletedManifestIsNotFoundUnderAnyTag) {
  for (const char* name : {"v1", "v2", "d1", "other"}) {
    cache_.Find("a", name, ticket_);
    cache_.Put("a", name, Stored(name == std::string("other") ? "d2" : "d1"), ticket_);
  }
  cache_.Find("b", "v1", ticket_);
  cache_.Put("b", "v1", Stored("d1"), ticket_);
  {
    ManifestCache::Change change(cache_);
    change.CoversManifest("a", "d1");
    for (const char* name : {"v1", "v2", "d1"}) EXPECT_FALSE(cache_.Find("a", name, ticket_)) << name;
    cache_.Put("a", "v1", Stored("d1"), ticket_);
    EXPECT_FALSE(cache_.Find("a", "v1", ticket_)) << "it may be gone already";
    cache_.Find("a", "v2", ticket_);
  }
  cache_.Put("a", "v2", Stored("d1"), ticket_);  // as it was read before the deletion was known
  EXPECT_FALSE(cache_.Find("a", "v2", ticket_));
  EXPECT_FALSE(cache_.Find("a", "v1", ticket_));
  EXPECT_TRUE(cache_.Find("a", "other", ticket_));
  EXPECT_TRUE(cache_.Find("b", "v1", ticket_));
  cache_.Find("a", "v2", ticket_);
  cache_.Put("a", "v2", Stored("d1"), ticket_);  // pushed again
  EXPECT_TRUE(cache_.Find("a", "v2", ticket_));
  EXPECT_FALSE(cache_.Find("a", "v1", ticket_));
}

TEST_F(ManifestCacheTest, TheOldestGoWhenItIsFull) {
  int kept = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string tag = "v" + std::to_string(i);
    cache_.Find("a", tag, ticket_);
    cache_.Put("a", tag, Stored(tag, 100'000), ticket_);
    EXPECT_TRUE(cache_.Find("a", tag, ticket_)) << "the newest is there";
  }
  for (int i = 0; i < 1000; ++i) kept += cache_.Find("a", "v" + std::to_string(i), ticket_) ? 1 : 0;
  EXPECT_LE(kept, 168);
  EXPECT_GE(kept, 100);
}

TEST_F(ManifestCacheTest, TheLargestManifestsAreKeptTogetherWithinTheBound) {
  int kept = 0;
  for (int i = 0; i < 10; ++i) {
    const std::string tag = "big" + std::to_string(i);
    cache_.Find("a", tag, ticket_);
    cache_.Put("a", tag, Stored(tag, 4 << 20), ticket_);
    EXPECT_TRUE(cache_.Find("a", tag, ticket_)) << "the newest is there";
  }
  for (int i = 0; i < 10; ++i) kept += cache_.Find("a", "big" + std::to_string(i), ticket_) ? 1 : 0;
  EXPECT_EQ(kept, 3) << "of 4 MiB and a little more each, in 16 MiB";
}

TEST_F(ManifestCacheTest, WhatWouldDriveOutTooMuchIsNotKept) {
  cache_.Find("a", "big", ticket_);
  cache_.Put("a", "big", Stored("big", 9 << 20), ticket_);
  EXPECT_FALSE(cache_.Find("a", "big", ticket_));
}

TEST(ManifestCacheInABudget, DropsWhatNobodyReadsForWhoNeedsRoom) {
  constexpr std::size_t kLarge = 1 << 20;
  runtime::MemoryBudget budget(8 << 20);
  ManifestCache cache(4 << 20, &budget);
  ManifestCache::Ticket ticket;
  const auto put = [&](const std::string& tag, std::size_t size) {
    auto stored = std::make_shared<StoredManifest>();
    stored->bytes = std::string(size, 'x');
    stored->memory = runtime::MemoryShare(&budget);
    ASSERT_TRUE(stored->memory.Grow(size));
    cache.Find("a", tag, ticket);
    cache.Put("a", tag, std::move(stored), ticket);
  };
  put("small", 100);
  for (const char* tag : {"one", "two", "three"}) put(tag, kLarge);
  const StoredManifestPtr sent = cache.Find("a", "two", ticket);
  runtime::MemoryShare needs(&budget);
  ASSERT_FALSE(needs.Grow(budget.most())) << "what is sent still counts";
  EXPECT_TRUE(needs.Grow(budget.most() - kLarge));
  EXPECT_TRUE(cache.Find("a", "small", ticket)) << "it does not count";
  EXPECT_EQ(cache.Find("a", "two", ticket), sent);
  for (const char* tag : {"one", "three"}) EXPECT_FALSE(cache.Find("a", tag, ticket)) << tag;
}

}  // namespace
}  // namespace portcall::registry
