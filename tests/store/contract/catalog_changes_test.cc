#include "store/catalog_changes.h"

#include <gmock/gmock.h>

#include "tests/store/contract/engine.h"

namespace portcall::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CatalogChangesTest : public EngineTest {
 protected:
  void SetUp() override { Open(); }
  static Event Saying(Action action, Kind kind, const std::string& text) {
    Event event;
    event.action = action;
    event.kind = kind;
    event.repository = "r";
    (kind == Kind::kTag ? event.tag : event.digest) = text;
    return event;
  }
  static ManifestPush PushOf(const std::string& digest, std::vector<std::string> tags = {}) {
    ManifestPush push;
    push.repository = "r";
    push.manifest = {digest, "application/json", "{}", "", "", ""};
    push.details.request_id = "r1";
    push.event = Saying(Action::kPush, Kind::kTag, tags.empty() ? "" : tags.front());
    push.event.digest = digest;
    push.event.details = EncodeDetails(push.details);
    push.tags = std::move(tags);
    return push;
  }
  std::vector<std::string> Push(const ManifestPush& push) {
    return Write([&](Tx& tx) { return PushManifest(tx, push); });
  }
  void PutBlob(const std::string& repository, const std::string& digest, std::int64_t size = 1) {
    const UploadFinish finish{repository, digest, size, "", Saying(Action::kPush, Kind::kBlob, digest)};
    Write([&](Tx& tx) { FinishUpload(tx, finish); });
  }
  std::vector<EventPtr> Events() {
    return Read([](Snapshot& s) { return ReadEvents(s, 0, Head(s), {100'000}).events; });
  }
  Seq LastSeq() {
    return Read([](Snapshot& s) { return Head(s); });
  }
  std::string PreviousOf(const Event& event) {
    const Details details = DecodeDetails(event.details);
    EXPECT_EQ(details.request_id, "r1");
    return details.previous_digest;
  }
  std::optional<std::string> Tag(const std::string& tag) {
    return Read([&](Snapshot& s) { return FindTag(s, "r", tag); });
  }
};

TEST_P(CatalogChangesTest, APushWithoutItsContentChangesNothing) {
  PutBlob("r", "sha256:here");
  PutBlob("q", "sha256:elsewhere");
  EXPECT_THAT(Push(PushOf("sha256:child")), IsEmpty());
  const Seq before = LastSeq();
  ManifestPush push = PushOf("sha256:m", {"v1"});
  push.blobs = {"sha256:none", "sha256:here", "sha256:elsewhere", "sha256:none"};
  push.manifests = {"sha256:nochild", "sha256:child", "sha256:here", "sha256:elsewhere"};
  EXPECT_THAT(Push(push), ElementsAre("sha256:none", "sha256:elsewhere", "sha256:nochild"));
  EXPECT_EQ(Tag("v1"), std::nullopt);
  EXPECT_EQ(LastSeq(), before);
  push.repository = "nobody";
  EXPECT_EQ(Push(push).size(), 5u) << "a repository that is not there has nothing";
  EXPECT_FALSE(Read([](Snapshot& s) { return RepositoryExists(s, "nobody"); }));
  push.repository = "r";
  push.blobs = {"sha256:here"};
  push.manifests = {"sha256:child", "sha256:here"};
  EXPECT_THAT(Push(push), IsEmpty());
  EXPECT_EQ(Tag("v1"), "sha256:m");
}

TEST_P(CatalogChangesTest, AnAnswerNamesNoMoreThanItMust) {
  ManifestPush push = PushOf("sha256:m");
  for (std::size_t i = 0; i < kMostMissing + 500; ++i) push.blobs.push_back("sha256:b" + std::to_string(i));
  push.manifests = {"sha256:c"};
  const auto missing = Push(push);
  EXPECT_EQ(missing.size(), kMostMissing);
  EXPECT_EQ(missing.back(), "sha256:b" + std::to_string(kMostMissing - 1));
}

TEST_P(CatalogChangesTest, EachTagOfAPushHasItsEvent) {
  EXPECT_THAT(Push(PushOf("sha256:1", {"v1"})), IsEmpty());
  EXPECT_THAT(Push(PushOf("sha256:2", {"v2", "v1", "v3"})), IsEmpty());
  const auto events = Events();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[1]->tag, "v2");
  EXPECT_EQ(PreviousOf(*events[1]), "");
  EXPECT_EQ(events[2]->tag, "v1");
  EXPECT_EQ(PreviousOf(*events[2]), "sha256:1");
  EXPECT_EQ(events[3]->tag, "v3");
  EXPECT_EQ(PreviousOf(*events[3]), "");
  for (const char* tag : {"v1", "v2", "v3"}) EXPECT_EQ(Tag(tag), "sha256:2");
}

TEST_P(CatalogChangesTest, APushByDigestHasOneEventEachTime) {
  EXPECT_THAT(Push(PushOf("sha256:1")), IsEmpty());
  EXPECT_THAT(Push(PushOf("sha256:1")), IsEmpty());
  EXPECT_EQ(Events().size(), 2u);
}

TEST_P(CatalogChangesTest, AManifestGoesWithAllTagsThatNameIt) {
  EXPECT_THAT(Push(PushOf("sha256:1", {"v2", "v1"})), IsEmpty());
  EXPECT_THAT(Push(PushOf("sha256:2", {"other"})), IsEmpty());
  const Seq before = LastSeq();
  const ManifestDeletion deletion{"r", "sha256:1", Saying(Action::kDelete, Kind::kManifest, "sha256:1"),
                                  Saying(Action::kDelete, Kind::kTag, "")};
  const auto remove = [&] { return Write([&](Tx& tx) { return DeleteManifest(tx, deletion); }); };
  EXPECT_TRUE(remove());
  EXPECT_EQ(Tag("v1"), std::nullopt);
  EXPECT_EQ(Tag("v2"), std::nullopt);
  EXPECT_EQ(Tag("other"), "sha256:2");
  EXPECT_FALSE(Read([](Snapshot& s) { return FindManifest(s, "r", "sha256:1"); }));
  const auto events = Events();
  ASSERT_EQ(events.size(), static_cast<std::size_t>(before) + 3);
  EXPECT_EQ(events[3]->digest, "sha256:1");
  EXPECT_EQ(events[4]->tag, "v1");
  EXPECT_EQ(events[5]->tag, "v2");
  EXPECT_FALSE(remove());
  EXPECT_EQ(Events().size(), events.size());
}

TEST_P(CatalogChangesTest, AFinishedUploadLosesItsRow) {
  Write([](Tx& tx) { PutUpload(tx, {"u1", "r", 100}); });
  const UploadFinish finish{"r", "sha256:b", 42, "u1", Saying(Action::kPush, Kind::kBlob, "sha256:b")};
  Write([&](Tx& tx) { FinishUpload(tx, finish); });
  EXPECT_FALSE(Read([](Snapshot& s) { return FindUpload(s, "u1"); }));
  EXPECT_EQ(Read([](Snapshot& s) { return FindBlob(s, "r", "sha256:b"); }), 42);
  EXPECT_EQ(Events().size(), 1u);
}

TEST_P(CatalogChangesTest, ABlobIsMountedFromWhereItIs) {
  PutBlob("q", "sha256:b", 42);
  const auto mount = [&](const std::string& from, const std::string& digest = "sha256:b") {
    const BlobMount asked{"r", digest, from, Saying(Action::kMount, Kind::kBlob, digest)};
    return Write([&](Tx& tx) { return MountBlob(tx, asked); });
  };
  EXPECT_FALSE(mount("p"));
  EXPECT_FALSE(mount(""));
  EXPECT_FALSE(mount("q", "sha256:none"));
  EXPECT_EQ(Events().size(), 1u);
  EXPECT_FALSE(Read([](Snapshot& s) { return RepositoryExists(s, "r"); }));
  EXPECT_TRUE(mount("q"));
  EXPECT_EQ(Read([](Snapshot& s) { return FindBlob(s, "r", "sha256:b"); }), 42);
  ASSERT_EQ(Events().size(), 2u);
  EXPECT_EQ(Events()[1]->size, 42);
  const BlobDeletion gone{"q", "sha256:b", Saying(Action::kDelete, Kind::kBlob, "sha256:b")};
  EXPECT_TRUE(Write([&](Tx& tx) { return DeleteBlob(tx, gone); }));
  EXPECT_FALSE(mount("q"));
  EXPECT_FALSE(mount("")) << "whoever links it";
  EXPECT_EQ(Events().size(), 3u);
}

FOR_EVERY_ENGINE(CatalogChangesTest);

}  // namespace
}  // namespace portcall::store
