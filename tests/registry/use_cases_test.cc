#include <gmock/gmock.h>

#include "registry/catalog/busy_uploads.h"
#include "registry/catalog/catalog.h"
#include "registry/recording/recorder.h"
#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

using ::testing::ElementsAre;

// The use cases as an importer calls them: no request anywhere.
class UseCasesTest : public ServiceTest {
 protected:
  UseCasesTest() {
    Origin origin;
    origin.actor = "importer";
    origin.actor_verified = true;
    origin.request_id = "import-7";
    origin.client = "import of /srv/old";
    origin.source_addr = "vm:0";
    origin.source_instance = "instance";
    origin_ = std::make_shared<const Origin>(origin);
  }

  template <class T>
  T Run(Task<T> task) {
    return runner_->Run(std::move(task));
  }

  std::string Push(const std::string& name, const std::string& bytes) {
    FakeBody source(bytes);
    const auto pushed = Run(catalog_.uploads().Push(origin_, name, *Digest::Parse(Sha256(bytes)), source));
    EXPECT_TRUE(pushed && !pushed->source);
    EXPECT_EQ(pushed->size, bytes.size());
    return Sha256(bytes);
  }
  PushedManifest PushManifest(const std::string& reference, const std::string& bytes,
                              std::vector<std::string> more_tags = {}) {
    ManifestPush push{"a/b", Reference::Parse(reference), std::move(more_tags), kOciManifest, bytes, {}};
    return *Run(catalog_.manifests().Push(origin_, rules_, std::move(push)));
  }
  StoredManifestPtr Find(const std::string& reference) {
    return *Run(catalog_.manifests().Find(rules_, "a/b", Reference::Parse(reference)));
  }
  bool Delete(const std::string& reference) {
    return *Run(catalog_.manifests().Delete(origin_, "a/b", Reference::Parse(reference)));
  }
  std::string Tags() {
    ListText list("", {10, 1'000, 10}, {});
    EXPECT_TRUE(Run(catalog_.listings().Tags("a/b", "", list)));
    return std::move(list).End("");
  }

  const RegistryDeps deps_{*store_, *blobs_, pool_, log_, metrics_, clock_, "vm:0", "instance"};
  Recorder recorder_{*store_, log_, metrics_, clock_};
  Catalog catalog_{deps_, recorder_};
  EventRules rules_{config::PullEvents::kDurable, true};
  OriginPtr origin_;
};

TEST_F(UseCasesTest, AnImageIsPushedPulledListedAndDeleted) {
  const std::string image = ImageOf("{}", {"layer"});
  EXPECT_EQ(PushManifest("v1", image).state, PushedManifest::State::kIncomplete);
  EXPECT_THAT(PushManifest("v1", image).missing, ElementsAre(Sha256("{}"), Sha256("layer")));
  Push("a/b", "{}");
  Push("a/b", "layer");
  const PushedManifest pushed = PushManifest("v1", image, {"v2", "v1"});
  EXPECT_EQ(pushed.state, PushedManifest::State::kStored);
  EXPECT_EQ(pushed.digest, Sha256(image));

  ASSERT_TRUE(Find("v2"));
  EXPECT_EQ(Find("v2")->bytes, image);
  EXPECT_EQ(Find(Sha256(image))->media_type, kOciManifest);
  EXPECT_FALSE(Find("v3"));
  EXPECT_TRUE(Run(catalog_.manifests().Pulled(origin_, rules_, "a/b", Reference::Parse("v2"), *Find("v2"))));
  const Digest layer = *Digest::Parse(Sha256("layer"));
  EXPECT_EQ(SizeOf(*Run(catalog_.blobs().Read("a/b", layer))), 5u);
  EXPECT_EQ(Run(catalog_.blobs().Read("c", layer)).error().code, Errc::kNotFound);
  EXPECT_TRUE(Run(catalog_.blobs().Pulled(origin_, rules_, "a/b", layer, 5)));
  EXPECT_TRUE(*Run(catalog_.blobs().Mount(origin_, "c", layer, "a/b")));

  EXPECT_EQ(Tags(), R"("v1","v2")");
  ListText repositories("", {10, 1'000, 10}, {});
  EXPECT_FALSE(*Run(catalog_.listings().Repositories("", repositories)));
  EXPECT_EQ(std::move(repositories).End(""), R"("a/b","c")");
  EXPECT_TRUE(Delete("v1"));
  EXPECT_FALSE(Delete("v1"));
  EXPECT_TRUE(Delete(Sha256(image)));
  EXPECT_TRUE(*Run(catalog_.blobs().Delete(origin_, "a/b", layer)));
  EXPECT_FALSE(*Run(catalog_.blobs().Delete(origin_, "a/b", layer)));
  EXPECT_EQ(Tags(), "");
  EXPECT_THAT(SaidAfter(0),
              ElementsAre("push blob", "push blob", "push tag v1", "push tag v2", "pull tag v2", "pull blob",
                          "mount blob", "delete tag v1", "delete manifest", "delete tag v2", "delete blob"));
}

TEST_F(UseCasesTest, EventsSayWhoActed) {
  Push("a/b", "{}");
  Push("a/b", "layer");
  PushManifest("v1", ImageOf("{}", {"layer"}));
  for (const auto& event : Events()) {
    EXPECT_EQ(event->actor, "importer");
    const store::Details details = store::DecodeDetails(event->details);
    EXPECT_TRUE(details.actor_verified);
    EXPECT_EQ(details.request_id, "import-7");
    EXPECT_EQ(details.request_addr, "import of /srv/old");
    EXPECT_EQ(details.request_method, "");
    EXPECT_EQ(details.url, "") << "an origin without an address names none";
    EXPECT_EQ(details.source_addr, "vm:0");
    EXPECT_EQ(details.references.size(), event->tag.empty() ? 0u : 2u);
  }
}

TEST_F(UseCasesTest, AManifestIsTakenApartOnlyForEventsThatSayWhatItRefersTo) {
  Push("a/b", "{}");
  PushManifest("v1", ImageOf("{}", {}));
  rules_.references = false;
  const StoredManifestPtr plain = Find("v1");
  EXPECT_FALSE(plain->references);
  EXPECT_EQ(Find("v1"), plain) << "from the cache";
  rules_.references = true;
  const StoredManifestPtr whole = Find("v1");
  ASSERT_TRUE(whole->references);
  EXPECT_EQ(whole->references->count, 1u);
  rules_.references = false;
  EXPECT_EQ(Find("v1"), whole);
}

TEST_F(UseCasesTest, WhatIsNoManifestSaysWhy) {
  const PushedManifest malformed = PushManifest("v1", "[]");
  EXPECT_EQ(malformed.state, PushedManifest::State::kMalformed);
  EXPECT_EQ(malformed.why, "the document is not a JSON object");
  EXPECT_EQ(PushManifest(Sha256("other"), ImageOf("{}", {})).state, PushedManifest::State::kOtherDigest);
  ManifestPush large{"a/b", Reference::Parse("v1"), {}, kOciManifest, std::string(kMaxManifestBytes + 1, ' '), {}};
  EXPECT_EQ(Run(catalog_.manifests().Push(origin_, rules_, std::move(large))).error().code, Errc::kTooLarge);
  EXPECT_EQ(Head(), 0);
}

TEST_F(UseCasesTest, ABlobThatBreaksOffOrIsAnotherLeavesNothing) {
  FakeBody cut("hello");
  cut.cut = true;
  const auto broken = Run(catalog_.uploads().Push(origin_, "a", *Digest::Parse(Sha256("hello")), cut));
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->source->code, Errc::kInvalid);
  FakeBody other("other");
  EXPECT_EQ(Run(catalog_.uploads().Push(origin_, "a", *Digest::Parse(Sha256("hello")), other)).error().code,
            Errc::kInvalid);
  clock_.Advance(std::chrono::hours(1));
  EXPECT_EQ(Run(catalog_.uploads().Purge(std::chrono::minutes(1), true, {}))->found, 0u);
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path() / "docker/registry/v2/repositories/a/_uploads"));
  EXPECT_EQ(Head(), 0);
}

TEST_F(UseCasesTest, AnUploadIsContinuedByOneAtATime) {
  Uploads& uploads = catalog_.uploads();
  const StartedUpload upload = *Run(uploads.Start("a", "sha256"));
  EXPECT_EQ(*Run(uploads.StartedAt("a", upload.uuid)), upload.started_at);
  EXPECT_EQ(Run(uploads.StartedAt("b", upload.uuid)).error().code, Errc::kNotFound);
  const auto first = Run(uploads.Open("a", upload.uuid, Uploads::Access::kWrite));
  ASSERT_TRUE(first);
  FakeBody part("hello ");
  EXPECT_EQ(Run(uploads.Receive(first->hold, "a", upload.uuid, 0, part, true))->size, 6u);
  EXPECT_EQ(Run(uploads.Open("a", upload.uuid, Uploads::Access::kRead))->size, 6u) << "who looks disturbs nobody";
  EXPECT_TRUE(Run(uploads.Truncate(first->hold, "a", upload.uuid, 5)));

  const auto second = Run(uploads.Open("a", upload.uuid, Uploads::Access::kWrite));
  ASSERT_TRUE(second) << "the first may hang on a dead connection";
  EXPECT_EQ(second->size, 5u);
  FakeBody late(" and more");
  EXPECT_EQ(Run(uploads.Receive(first->hold, "a", upload.uuid, 5, late, true)).error().code, Errc::kConflict);
  EXPECT_EQ(Run(uploads.Truncate(first->hold, "a", upload.uuid, 0)).error().code, Errc::kConflict);
  EXPECT_EQ(Run(uploads.Drop(first->hold, "a", upload.uuid)).error().code, Errc::kConflict);
  const Digest digest = *Digest::Parse(Sha256("hello"));
  EXPECT_EQ(Run(uploads.Finish(first->hold, origin_, "a", upload.uuid, digest, {})).error().code, Errc::kConflict);
  EXPECT_EQ(*Run(uploads.Finish(second->hold, origin_, "a", upload.uuid, digest, {})), 5u);
  EXPECT_EQ(Run(uploads.Open("a", upload.uuid, Uploads::Access::kRead)).error().code, Errc::kNotFound);
}

TEST_F(UseCasesTest, AnUploadIsTakenOverBetweenChanges) {
  BusyUploads busy;
  const BusyUploads::Hold first = Run(busy.Take("u"));
  auto change = std::make_unique<BusyUploads::Change>(first);
  auto taking = runner_->Start(busy.Take("u"));
  EXPECT_EQ(taking.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  EXPECT_FALSE(busy.TryTake("u"));
  change.reset();
  const BusyUploads::Hold second = portcall::testing::LoopRunner::Await(std::move(taking));
  EXPECT_FALSE(BusyUploads::Change(first));
  EXPECT_TRUE(BusyUploads::Change(second));
}

TEST_F(UseCasesTest, WhoseLookIsOldTakesNothingFromAnybody) {
  Uploads& uploads = catalog_.uploads();
  const std::string uuid = Run(uploads.Start("a", "sha256"))->uuid;
  const auto live = Run(uploads.Open("a", uuid, Uploads::Access::kWrite));
  const BusyUploads::Stamp looked = Run(uploads.Settled(uuid));
  FakeBody part("hello"), more(" blob");
  EXPECT_EQ(Run(uploads.Receive(live->hold, "a", uuid, 0, part, true))->size, 5u);
  EXPECT_EQ(Run(uploads.Open("a", uuid, Uploads::Access::kWrite, looked)).error().code, Errc::kConflict);
  EXPECT_EQ(Run(uploads.Receive(live->hold, "a", uuid, 5, more, true))->size, 10u) << "the live one goes on";
  const BusyUploads::Stamp now = Run(uploads.Settled(uuid));
  const auto taken = Run(uploads.Open("a", uuid, Uploads::Access::kWrite, now));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->size, 10u);
  EXPECT_FALSE(BusyUploads::Change(live->hold));
}

TEST_F(UseCasesTest, PurgingLeavesWhatSomebodyWritesTo) {
  Uploads& uploads = catalog_.uploads();
  const auto row = [this](const std::string& uuid) {
    const Result<void> put = store_->WriteNow([&](store::Tx& tx) -> Result<void> {
      store::PutUpload(tx, {uuid, "a", 0});
      return {};
    });
    EXPECT_TRUE(put);
  };
  const std::string busy = Run(uploads.Start("a", "sha256"))->uuid, idle = Run(uploads.Start("a", "sha256"))->uuid;
  row(busy);
  row(idle);
  const auto held = Run(uploads.Open("a", busy, Uploads::Access::kWrite));
  const Purged dry = *Run(uploads.Purge(std::chrono::hours(1), true, {}));
  EXPECT_EQ(dry.found, 2u);
  EXPECT_EQ(dry.deleted, 0u);
  const Purged purged = *Run(uploads.Purge(std::chrono::hours(1), false, {}));
  EXPECT_EQ(purged.found, 2u);
  EXPECT_EQ(purged.deleted, 1u);
  EXPECT_EQ(Run(uploads.Open("a", idle, Uploads::Access::kRead)).error().code, Errc::kNotFound);
  EXPECT_TRUE(Run(uploads.Open("a", busy, Uploads::Access::kRead)));
}

TEST_F(UseCasesTest, ReferrersAreDescriptors) {
  Push("a/b", "{}");
  const std::string image = ImageOf("{}", {});
  PushManifest("v1", image);
  const std::string subject =
      R"(,"artifactType":"application/sbom","subject":{"mediaType":"x","size":1,"digest":")" + Sha256(image) + "\"}";
  const std::string sbom = ImageOf("{}", {}, subject);
  PushManifest(Sha256(sbom), sbom);
  const Digest digest = *Digest::Parse(Sha256(image));
  const auto listed = [&](const ReferrerQuery& query) {
    ListText list("", {10, 1'000, 10}, {});
    EXPECT_EQ(*Run(catalog_.listings().Referrers("a/b", digest, query, list)), "");
    return std::move(list).End("");
  };
  EXPECT_EQ(listed({}), R"({"mediaType":")" + std::string(kOciManifest) + R"(","digest":")" + Sha256(sbom) +
                            R"(","size":)" + std::to_string(sbom.size()) + R"(,"artifactType":"application/sbom"})");
  EXPECT_EQ(listed({"application/other", {}}), "");
}

}  // namespace
}  // namespace portcall::registry
