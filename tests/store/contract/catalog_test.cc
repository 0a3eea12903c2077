#include "store/catalog.h"

#include <gmock/gmock.h>

#include "store/catalog_changes.h"
#include "tests/store/contract/engine.h"

namespace portcall::store {
namespace {

using ::testing::ElementsAre;

class CatalogTest : public EngineTest {
 protected:
  void SetUp() override { Open(); }
  static ManifestRow Manifest(const std::string& digest, const std::string& subject = "",
                              const std::string& type = "") {
    return {digest, "application/json", "{\"bytes\":\0}" + digest, subject, type, ""};
  }
  static ManifestPush PushOf(const std::string& repository, const ManifestRow& row) {
    ManifestPush push;
    push.repository = repository;
    push.manifest = row;
    return push;
  }
  void Put(const std::string& repository, const ManifestRow& row, std::vector<std::string> tags = {}) {
    ManifestPush push = PushOf(repository, row);
    push.tags = std::move(tags);
    EXPECT_THAT(Write([&](Tx& tx) { return PushManifest(tx, push); }), ::testing::IsEmpty());
  }
  void PutBlob(const std::string& repository, const std::string& digest, std::int64_t size) {
    const UploadFinish finish{repository, digest, size, "", EventOf(repository)};
    Write([&](Tx& tx) { FinishUpload(tx, finish); });
  }
  std::vector<std::string> Tags(const std::string& repository) {
    return Read([&](Snapshot& s) { return ListTags(s, repository, {100, ""}); })->names;
  }
};

TEST_P(CatalogTest, KeepsAManifestAsItWasPushed) {
  ManifestRow row{"sha256:m", "application/json", std::string("{\0}\n", 4), "sha256:s", "text/sbom", "{\"a\":\"b\"}"};
  Put("a/b", row);
  Put("a/b", row);
  const auto found = Read([](Snapshot& s) { return FindManifest(s, "a/b", "sha256:m"); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes, row.bytes);
  EXPECT_EQ(found->media_type, row.media_type);
  EXPECT_EQ(found->annotations, row.annotations);
  EXPECT_FALSE(Read([](Snapshot& s) { return FindManifest(s, "a/c", "sha256:m"); }));
}

TEST_P(CatalogTest, TakesAnotherMediaTypeForTheSameBytes) {
  Put("r", Manifest("sha256:m"));
  ManifestRow other = Manifest("sha256:m");
  other.media_type = "application/other";
  Put("r", other);
  EXPECT_EQ(Read([](Snapshot& s) { return FindManifest(s, "r", "sha256:m"); })->media_type, "application/other");
}

TEST_P(CatalogTest, ListsTagsBytewiseInPages) {
  Put("r", Manifest("sha256:1"), {"b", "B", "a", "10", "9", "_x"});
  const auto first = Read([](Snapshot& s) { return ListTags(s, "r", {4, ""}); });
  EXPECT_THAT(first->names, ElementsAre("10", "9", "B", "_x"));
  EXPECT_TRUE(first->more);
  const auto rest = Read([](Snapshot& s) { return ListTags(s, "r", {4, "_x"}); });
  EXPECT_THAT(rest->names, ElementsAre("a", "b"));
  EXPECT_FALSE(rest->more);
  const auto exact = Read([](Snapshot& s) { return ListTags(s, "r", {2, "_x"}); });
  EXPECT_FALSE(exact->more);
  EXPECT_FALSE(Read([](Snapshot& s) { return ListTags(s, "nobody", {4, ""}); }));
}

TEST_P(CatalogTest, ListsRepositoriesWithTheSlashFirst) {
  for (const char* name : {"a-b", "a/b", "a", "a.b/c", "b"}) Put(name, Manifest("sha256:m"));
  EXPECT_THAT(Read([](Snapshot& s) { return ListRepositories(s, {10, ""}); }).names,
              ElementsAre("a", "a/b", "a-b", "a.b/c", "b"));
  const Names page = Read([](Snapshot& s) { return ListRepositories(s, {2, "a"}); });
  EXPECT_THAT(page.names, ElementsAre("a/b", "a-b"));
  EXPECT_TRUE(page.more);
}

TEST_P(CatalogTest, AnEmptyRepositoryExistsButIsNotListed) {
  Put("r", Manifest("sha256:m"));
  const ManifestDeletion deletion{"r", "sha256:m", EventOf("r"), {}};
  const auto remove = [&] { return Write([&](Tx& tx) { return DeleteManifest(tx, deletion); }); };
  EXPECT_TRUE(remove());
  EXPECT_FALSE(remove());
  EXPECT_TRUE(Read([](Snapshot& s) { return RepositoryExists(s, "r"); }));
  EXPECT_TRUE(Read([](Snapshot& s) { return ListRepositories(s, {}); }).names.empty());
  EXPECT_FALSE(Read([](Snapshot& s) { return RepositoryExists(s, "q"); }));
}

TEST_P(CatalogTest, DeletesTags) {
  Put("r", Manifest("sha256:1"), {"b", "a"});
  Put("r", Manifest("sha256:2"), {"c"});
  EXPECT_THAT(Tags("r"), ElementsAre("a", "b", "c"));
  const TagDeletion deletion{"r", "a", EventOf("r")};
  EXPECT_TRUE(Write([&](Tx& tx) { return DeleteTag(tx, deletion); }));
  EXPECT_FALSE(Write([&](Tx& tx) { return DeleteTag(tx, deletion); }));
  EXPECT_THAT(Tags("r"), ElementsAre("b", "c"));
  EXPECT_EQ(Read([](Snapshot& s) { return Head(s); }), 4) << "one event for each change";
}

TEST_P(CatalogTest, ABlobIsInTheRepositoriesThatLinkIt) {
  PutBlob("r", "sha256:b", 42);
  PutBlob("r", "sha256:b", 42);
  EXPECT_EQ(Read([](Snapshot& s) { return FindBlob(s, "r", "sha256:b"); }), 42);
  EXPECT_EQ(Read([](Snapshot& s) { return FindBlob(s, "q", "sha256:b"); }), std::nullopt);
  EXPECT_THAT(Read([](Snapshot& s) { return ListRepositories(s, {}); }).names, ElementsAre("r"));
  const BlobDeletion deletion{"r", "sha256:b", EventOf("r")};
  EXPECT_TRUE(Write([&](Tx& tx) { return DeleteBlob(tx, deletion); }));
  EXPECT_FALSE(Write([&](Tx& tx) { return DeleteBlob(tx, deletion); }));
  EXPECT_EQ(Read([](Snapshot& s) { return FindBlob(s, "r", "sha256:b"); }), std::nullopt);
}

TEST_P(CatalogTest, ListsReferrersOfOneSubject) {
  Put("r", Manifest("sha256:z", "sha256:s", "sbom"));
  Put("r", Manifest("sha256:a", "sha256:s", "signature"));
  Put("r", Manifest("sha256:n"));
  Put("q", Manifest("sha256:o", "sha256:s", "sbom"));
  const auto list = [&](const char* subject, const char* type, std::int64_t after = 0) {
    return Read([&](Snapshot& s) {
      std::vector<ReferrerRow> rows;
      ListReferrers(s, "r", subject, type, after, [&rows](ReferrerRow row) {
        rows.push_back(std::move(row));
        return true;
      });
      return rows;
    });
  };
  const auto digests = [&](const std::vector<ReferrerRow>& rows) {
    std::vector<std::string> names;
    for (const ReferrerRow& row : rows) names.push_back(row.digest);
    return names;
  };
  const std::vector<ReferrerRow> all = list("sha256:s", "");
  EXPECT_THAT(digests(all), ElementsAre("sha256:z", "sha256:a"));
  EXPECT_EQ(all[0].size, Manifest("sha256:z").bytes.size());
  EXPECT_EQ(all[0].artifact_type, "sbom");
  EXPECT_THAT(digests(list("sha256:s", "signature")), ElementsAre("sha256:a"));
  EXPECT_THAT(digests(list("sha256:s", "", all[0].place)), ElementsAre("sha256:a"));
  EXPECT_TRUE(list("sha256:s", "", all[1].place).empty());
  EXPECT_TRUE(list("sha256:other", "").empty());
  EXPECT_TRUE(list("", "").empty());
  EXPECT_TRUE(Read([](Snapshot& s) { return IsReferrer(s, "r", "sha256:z", "sha256:s"); }));
  EXPECT_FALSE(Read([](Snapshot& s) { return IsReferrer(s, "r", "sha256:n", "sha256:s"); }));
  EXPECT_FALSE(Read([](Snapshot& s) { return IsReferrer(s, "q", "sha256:z", "sha256:s"); }));
}

TEST_P(CatalogTest, AListOfReferrersEndsWhereItsReaderHasEnough) {
  for (const char* digest : {"sha256:1", "sha256:2", "sha256:3"}) Put("r", Manifest(digest, "sha256:s", "sbom"));
  const int seen = Read([](Snapshot& s) {
    int rows = 0;
    ListReferrers(s, "r", "sha256:s", "", 0, [&rows](const ReferrerRow&) { return ++rows < 2; });
    return rows;
  });
  EXPECT_EQ(seen, 2);
}

TEST_P(CatalogTest, AListOfReferrersIsReadInPieces) {
  for (const char* digest : {"sha256:1", "sha256:2", "sha256:3"}) Put("r", Manifest(digest, "sha256:s", digest));
  std::vector<std::string> found;
  const auto take = [&found](const ReferrerRow& row) {
    found.push_back(row.digest);
    return true;
  };
  std::optional<std::int64_t> unseen = 0;
  int calls = 0;
  while (unseen && ++calls < 10) {
    unseen = Read([&](Snapshot& s) { return ListReferrers(s, "r", "sha256:s", "sha256:3", *unseen, take, 1); });
  }
  EXPECT_THAT(found, ElementsAre("sha256:3"));
  EXPECT_EQ(calls, 4) << "each looks at one, of whatever type";
}

TEST_P(CatalogTest, EmptyRepositoriesAreLookedAtInPieces) {
  for (const char* name : {"a", "b", "c", "d"}) PutBlob(name, "sha256:b", 1);
  for (const char* name : {"a", "b"}) {
    const BlobDeletion deletion{name, "sha256:b", EventOf(name)};
    Write([&](Tx& tx) { return DeleteBlob(tx, deletion); });
  }
  const auto list = [&](std::size_t limit, const char* last) {
    return Read([&](Snapshot& s) { return ListRepositories(s, {limit, last}, 2); });
  };
  const Names nothing = list(1, "");
  EXPECT_TRUE(nothing.names.empty());
  EXPECT_FALSE(nothing.more);
  EXPECT_EQ(nothing.unseen, "b");
  const Names page = list(1, "b");
  EXPECT_THAT(page.names, ElementsAre("c"));
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.unseen, "");
  EXPECT_EQ(list(2, "b").unseen, "d");
  EXPECT_EQ(list(2, "d").unseen, "");
}

TEST_P(CatalogTest, FindsOldUploads) {
  EXPECT_TRUE(Read([](Snapshot& s) { return CatalogIsEmpty(s); }));
  Write([](Tx& tx) {
    PutUpload(tx, {"u1", "r", 100});
    PutUpload(tx, {"u2", "r", 200});
  });
  const auto old = Read([](Snapshot& s) { return UploadsStartedBefore(s, 200, 10); });
  ASSERT_EQ(old.size(), 1u);
  EXPECT_EQ(old[0].uuid, "u1");
  EXPECT_TRUE(Write([](Tx& tx) { return DeleteUpload(tx, "u1"); }));
  EXPECT_FALSE(Read([](Snapshot& s) { return FindUpload(s, "u1"); }));
  EXPECT_EQ(Read([](Snapshot& s) { return FindUpload(s, "u2"); })->started_at, 200);
  Put("r", Manifest("sha256:m"));
  EXPECT_FALSE(Read([](Snapshot& s) { return CatalogIsEmpty(s); }));
}

FOR_EVERY_ENGINE(CatalogTest);

}  // namespace
}  // namespace portcall::store
