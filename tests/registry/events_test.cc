#include <gmock/gmock.h>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

using Lines = std::vector<std::string>;

class EventsTest : public ServiceTest {
 protected:
  // What the log gained by a request.
  Lines After(Ask ask, int status) {
    const store::Seq head = Head();
    const auto response = Send(std::move(ask));
    EXPECT_EQ(response.status, status) << BodyOf(response);
    return SaidAfter(head);
  }
  store::EventPtr Last() { return Events().back(); }
};

TEST_F(EventsTest, ABlobPushSaysWhatWhoAndWhere) {
  const std::string digest = Sha256("hello blob");
  Ask ask("POST", "/v2/probe/one/blobs/uploads/?digest=" + digest, "hello blob",
          {{"Authorization", "Basic YWxpY2U6c2VjcmV0"}, {"User-Agent", "probe/1"}});
  EXPECT_EQ(After(ask, 201), Lines{"push blob"});
  const auto event = Last();
  EXPECT_EQ(event->repository, "probe/one");
  EXPECT_EQ(event->digest, digest);
  EXPECT_EQ(event->size, 10);
  EXPECT_EQ(event->media_type, "application/octet-stream");
  EXPECT_EQ(event->actor, "alice");
  EXPECT_TRUE(runtime::IsUuid(event->id));
  const store::Details details = store::DecodeDetails(event->details);
  EXPECT_EQ(details.url, "http://127.0.0.1:5600/v2/probe/one/blobs/" + digest);
  EXPECT_TRUE(runtime::IsUuid(details.request_id));
  EXPECT_EQ(details.request_addr, "127.0.0.1:4711");
  EXPECT_EQ(details.request_host, "127.0.0.1:5600");
  EXPECT_EQ(details.request_method, "POST");
  EXPECT_EQ(details.request_useragent, "probe/1");
  EXPECT_EQ(details.source_addr, "vm:5600");
  EXPECT_EQ(details.source_instance, "720941f0-542c-466c-9908-d779422bdd87");
  EXPECT_EQ(After(ask, 201), Lines{"push blob"}) << "a push of the same again is one too";
}

TEST_F(EventsTest, BehindAProxyTheClientIsNamed) {
  PushBlob("a", "x");
  Ask ask("GET", "/v2/a/blobs/" + Sha256("x"), "",
          {{"X-Forwarded-For", "198.51.100.7, 127.0.0.1"},
           {"X-Forwarded-Host", "reg.example.com"},
           {"X-Forwarded-Proto", "https"}});
  After(ask, 200);
  const store::Details details = store::DecodeDetails(Last()->details);
  EXPECT_THAT(Send(ask).log,
              ::testing::Contains(std::pair<std::string, std::string>("http.request.remoteaddr", "198.51.100.7")));
  EXPECT_EQ(details.request_addr, "198.51.100.7");
  EXPECT_EQ(details.url, "https://reg.example.com/v2/a/blobs/" + Sha256("x"));
}

TEST_F(EventsTest, TheSocketsAddressStandsBesideWhatAProxySays) {
  const std::string path = "/v2/a/blobs/" + PushBlob("a", "x");
  struct Row {
    const char* peer;
    std::vector<std::pair<std::string, std::string>> fields;
    const char *addr, *peer_said, *forwarded;
  };
  for (const Row& row :
       {Row{"127.0.0.1", {}, "127.0.0.1:4711", "", ""},
        Row{"127.0.0.1", {{"X-Forwarded-For", "198.51.100.7"}}, "198.51.100.7", "127.0.0.1:4711", "198.51.100.7"},
        Row{"127.0.0.1",
            {{"X-Forwarded-For", "unknown, 198.51.100.7"}, {"x-forwarded-for", "127.0.0.9"}, {"X-Real-Ip", "10.0.0.2"}},
            "198.51.100.7",
            "127.0.0.1:4711",
            "unknown, 198.51.100.7, 127.0.0.9, 10.0.0.2"},
        Row{"127.0.0.1", {{"X-Real-Ip", " 198.51.100.7"}}, "198.51.100.7", "127.0.0.1:4711", " 198.51.100.7"},
        Row{"127.0.0.1", {{"Forwarded", "for=192.0.2.1"}}, "192.0.2.1", "127.0.0.1:4711", "for=192.0.2.1"},
        Row{"192.0.2.66", {{"X-Forwarded-For", "198.51.100.7"}}, "192.0.2.66:4711", "", ""},
        Row{"192.0.2.66", {{"Forwarded", "for=192.0.2.1"}, {"X-Real-Ip", "10.0.0.2"}}, "192.0.2.66:4711", "", ""}}) {
    Ask ask("GET", path, "", row.fields);
    ask.peer_ip = row.peer;
    EXPECT_EQ(After(ask, 200), Lines{"pull blob"});
    const store::Details details = store::DecodeDetails(Last()->details);
    EXPECT_EQ(details.request_addr, row.addr);
    EXPECT_EQ(details.peer, row.peer_said);
    EXPECT_EQ(details.forwarded, row.forwarded);
    EXPECT_FALSE(details.actor_verified);
  }
  After({"GET", path, "", {{"X-Forwarded-For", "198.51.100.7" + std::string(5'000, ' ')}}}, 200);
  EXPECT_EQ(store::DecodeDetails(Last()->details).forwarded.size(), 1024u);
}

TEST_F(EventsTest, EveryEventIsSmallWhateverIsSent) {
  const std::string much(30'000, 'x'), blob = PushBlob("a", "x");
  const std::string image = PushImage("a", "v1");
  const Ask::Fields fields{{"User-Agent", much},
                           {"Host", much},
                           {"Authorization", "Basic " + std::string(40'000, 'e')},
                           {"X-Forwarded-For", "198.51.100.7," + much},
                           {"Content-Type", kOciManifest}};
  for (const Ask& ask : {Ask("GET", "/v2/a/blobs/" + blob, "", fields), Ask("GET", "/v2/a/manifests/v1", "", fields),
                         Ask("PUT", "/v2/a/manifests/v1", image, fields),
                         Ask("POST", "/v2/b/blobs/uploads/?from=a&mount=" + blob, "", fields),
                         Ask("DELETE", "/v2/a/manifests/v1", "", fields)}) {
    SCOPED_TRACE(ask.method + " " + ask.target);
    const store::Seq head = Head();
    EXPECT_LT(Send(ask).status, 300);
    const auto events = EventsAfter(head);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_LT(events[0]->details.size(), 3'000u);
    EXPECT_LE(events[0]->actor.size(), 255u);
    const store::Details details = store::DecodeDetails(events[0]->details);
    EXPECT_EQ(details.request_host.size(), 255u);
    EXPECT_EQ(details.request_useragent.size(), 512u);
    EXPECT_LT(details.url.size(), 255u) << "such a host is none";
  }
}

TEST_F(EventsTest, AMountNamesItsOrigin) {
  const std::string digest = PushBlob("a", "x");
  EXPECT_EQ(After({"POST", "/v2/b/blobs/uploads/?mount=" + digest + "&from=a"}, 201), Lines{"mount blob"});
  const auto event = Last();
  EXPECT_EQ(event->repository, "b");
  EXPECT_EQ(event->size, 1);
  EXPECT_EQ(store::DecodeDetails(event->details).from_repository, "a");
}

TEST_F(EventsTest, EveryReadOfABlobIsAPull) {
  const std::string path = "/v2/a/blobs/" + PushBlob("a", "hello");
  EXPECT_EQ(After({"HEAD", path}, 200), Lines{"pull blob"});
  EXPECT_EQ(store::DecodeDetails(Last()->details).request_method, "HEAD");
  EXPECT_EQ(After({"GET", path}, 200), Lines{"pull blob"});
  EXPECT_EQ(After({"GET", path, "", {{"Range", "bytes=1-2"}}}, 206), Lines{"pull blob"});
  EXPECT_EQ(Last()->size, 5) << "the blob's size, not the part's";
  EXPECT_EQ(After({"GET", path, "", {{"Range", "bytes=9-"}}}, 416), Lines{});
  EXPECT_EQ(After({"GET", path, "", {{"If-None-Match", "*"}}}, 304), Lines{});
  EXPECT_EQ(After({"GET", "/v2/b/blobs/" + Sha256("hello")}, 404), Lines{});
}

TEST_F(EventsTest, EveryReadOfAManifestIsAPull) {
  const std::string image = PushImage("a", "v1");
  EXPECT_EQ(After({"GET", "/v2/a/manifests/v1"}, 200), Lines{"pull tag v1"});
  EXPECT_EQ(Last()->digest, Sha256(image));
  EXPECT_EQ(Last()->media_type, kOciManifest);
  EXPECT_EQ(Last()->size, static_cast<std::int64_t>(image.size()));
  EXPECT_EQ(store::DecodeDetails(Last()->details).url, "http://127.0.0.1:5600/v2/a/manifests/" + Sha256(image));
  EXPECT_EQ(After({"HEAD", "/v2/a/manifests/v1"}, 200), Lines{"pull tag v1"});
  EXPECT_EQ(After({"GET", "/v2/a/manifests/" + Sha256(image)}, 200), Lines{"pull manifest"});
  EXPECT_EQ(After({"GET", "/v2/a/manifests/v1", "", {{"If-None-Match", Sha256(image)}}}, 304), Lines{});
  EXPECT_EQ(After({"GET", "/v2/a/manifests/v9"}, 404), Lines{});
  EXPECT_EQ(After({"GET", "/v2/a/tags/list"}, 200), Lines{});
  EXPECT_EQ(After({"GET", "/v2/_catalog"}, 200), Lines{});
  EXPECT_EQ(After({"GET", "/v2/a/referrers/" + Sha256(image)}, 200), Lines{});
}

TEST_F(EventsTest, OnePushOfAManifestIsOneEvent) {
  const std::string first = PushImage("a", "v1", "1");
  EXPECT_EQ(Said(*Last()), "push tag v1");
  EXPECT_EQ(store::DecodeDetails(Last()->details).previous_digest, "");
  const Ask by_digest("PUT", "/v2/a/manifests/" + Sha256(first), first, {{"Content-Type", kOciManifest}});
  EXPECT_EQ(After(by_digest, 201), Lines{"push manifest"});
  const std::string second = PushImage("a", "v1", "2");
  EXPECT_EQ(Said(*Last()), "push tag v1");
  EXPECT_EQ(Last()->digest, Sha256(second));
  EXPECT_EQ(store::DecodeDetails(Last()->details).previous_digest, Sha256(first));
  const Ask tags("PUT", "/v2/a/manifests/" + Sha256(first) + "?tag=x&tag=v1", first, {{"Content-Type", kOciManifest}});
  EXPECT_EQ(After(tags, 201), (Lines{"push tag x", "push tag v1"}));
  EXPECT_EQ(store::DecodeDetails(Last()->details).previous_digest, Sha256(second));
}

TEST_F(EventsTest, APushOfWhatTheTagNamesAlreadySaysSo) {
  const std::string image = PushImage("a", "v1");
  EXPECT_EQ(store::DecodeDetails(Last()->details).previous_digest, "");
  PutManifest("a", "v1", image);
  EXPECT_EQ(Said(*Last()), "push tag v1");
  EXPECT_EQ(store::DecodeDetails(Last()->details).previous_digest, Sha256(image));
  const Ask tags("PUT", "/v2/a/manifests/v1?tag=v2", image, {{"Content-Type", kOciManifest}});
  EXPECT_EQ(After(tags, 201), (Lines{"push tag v1", "push tag v2"}));
  const auto events = Events();
  EXPECT_EQ(store::DecodeDetails(events[events.size() - 2]->details).previous_digest, Sha256(image));
  EXPECT_EQ(store::DecodeDetails(Last()->details).previous_digest, "");
}

TEST_F(EventsTest, APushedManifestSaysWhatItIsAndWhatItRefersTo) {
  const std::string image = PushImage("a", "v1");
  const auto pushed = [this](const std::string& bytes, const char* type) {
    EXPECT_EQ(PutManifest("a", Sha256(bytes), bytes, type).status, 201);
    return store::DecodeDetails(Last()->details);
  };
  EXPECT_EQ(store::DecodeDetails(Last()->details).artifact_type, "application/vnd.oci.image.config.v1+json");
  EXPECT_EQ(store::DecodeDetails(Last()->details).subject, "");

  const std::string subject = R"("subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":)" +
                              std::to_string(image.size()) + R"(,"digest":")" + Sha256(image) + "\"}";
  store::Details details =
      pushed(ImageOf("{}", {"layer"}, R"(,"artifactType":"application/sbom",)" + subject), kOciManifest);
  EXPECT_EQ(details.artifact_type, "application/sbom");
  EXPECT_EQ(details.subject, Sha256(image));

  details = pushed(R"({"schemaVersion":2,"manifests":[],)" + subject + "}", kOciIndex);
  EXPECT_EQ(details.artifact_type, "");
  EXPECT_EQ(details.subject, Sha256(image));
  details = pushed(R"({"schemaVersion":2,"artifactType":"application/set","manifests":[]})", kOciIndex);
  EXPECT_EQ(details.artifact_type, "application/set");
}

TEST_F(EventsTest, ABuildCacheSaysThatItIsOne) {
  PushBlob("a", "{}");
  PushBlob("a", "layer");
  // As BuildKit exports caches: an index whose children are blobs, the last of them its configuration.
  const std::string config =
      R"({"mediaType":"application/vnd.buildkit.cacheconfig.v0","size":2,"digest":")" + Sha256("{}") + "\"}";
  const std::string layer =
      R"({"mediaType":"application/vnd.oci.image.layer.v1.tar","size":5,"digest":")" + Sha256("layer") + "\"}";
  EXPECT_EQ(
      PutManifest("a", "cache", R"({"schemaVersion":2,"manifests":[)" + layer + "," + config + "]}", kOciIndex).status,
      201);
  EXPECT_EQ(store::DecodeDetails(Last()->details).artifact_type, "application/vnd.buildkit.cacheconfig.v0");
  // And with image-manifest=true.
  EXPECT_EQ(
      PutManifest("a", "cache", R"({"schemaVersion":2,"config":)" + config + R"(,"layers":[)" + layer + "]}").status,
      201);
  EXPECT_EQ(store::DecodeDetails(Last()->details).artifact_type, "application/vnd.buildkit.cacheconfig.v0");
}

TEST_F(EventsTest, ReferencesOnlyWhereTheyAreWanted) {
  const std::string image = PushImage("a", "v1");
  EXPECT_TRUE(store::DecodeDetails(Last()->details).references.empty());
  config_.events.include_references = true;
  Reconfigure();
  for (const Ask& ask :
       {Ask("PUT", "/v2/a/manifests/v1", image, {{"Content-Type", kOciManifest}}), Ask("GET", "/v2/a/manifests/v1")}) {
    Send(ask);
    const auto references = store::DecodeDetails(Last()->details).references;
    ASSERT_EQ(references.size(), 2u);
    EXPECT_EQ(references[0].media_type, "application/vnd.oci.image.config.v1+json");
    EXPECT_EQ(references[0].digest, Sha256("{}"));
    EXPECT_EQ(references[1].digest, Sha256("layer"));
    EXPECT_EQ(references[1].size, 5);
  }
}

// Who pushes decides how much a manifest refers to, and whoever reads how often that is told.
TEST_F(EventsTest, APullListsTheFirstReferencesAndCountsAll) {
  config_.events.include_references = true;
  config_.events.pull = config::PullEvents::kRelaxed;
  Reconfigure();
  PushBlob("a", "{}");
  PushBlob("a", "layer");
  const std::vector<std::string> layers(2'000, "layer");
  ASSERT_EQ(PutManifest("a", "v1", ImageOf("{}", layers)).status, 201);
  const store::Details pushed = store::DecodeDetails(Last()->details);
  EXPECT_EQ(pushed.references.size(), 2'001u);
  EXPECT_EQ(pushed.reference_count, 0);
  for (const char* method : {"HEAD", "GET"}) {
    Send(method, "/v2/a/manifests/v1");
    Restart();  // what is queued is written
    const store::EventPtr pull = Last();
    ASSERT_EQ(pull->action, store::Action::kPull);
    EXPECT_LE(pull->details.size(), 66'000u);
    const store::Details details = store::DecodeDetails(pull->details);
    EXPECT_GT(details.references.size(), 300u);
    EXPECT_EQ(details.references.front().digest, Sha256("{}"));
    EXPECT_EQ(details.reference_count, 2'001);
  }
}

// Who pushes decides as well how many tags there are, and each has its event.
TEST_F(EventsTest, APushListsAllReferencesOnceHoweverManyTagsItHas) {
  config_.events.include_references = true;
  Reconfigure();
  PushBlob("a", "{}");
  PushBlob("a", "layer");
  const std::string old = PushImage("a", "v0");
  PutManifest("a", "v1", old);
  const store::Seq head = Head();
  const std::string large = ImageOf("{}", std::vector<std::string>(2'000, "layer"));
  ASSERT_EQ(PutManifest("a", Sha256(large) + "?tag=v0&tag=v1&tag=v2", large).status, 201);
  const auto events = EventsAfter(head);
  ASSERT_EQ(events.size(), 3u);
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]->tag, "v" + std::to_string(i));
    const store::Details details = store::DecodeDetails(events[i]->details);
    EXPECT_EQ(details.previous_digest, i < 2 ? Sha256(old) : "");
    EXPECT_FALSE(details.request_id.empty());
    EXPECT_EQ(details.references.front().digest, Sha256("{}"));
    EXPECT_EQ(details.reference_count, i == 0 ? 0 : 2'001);
    if (i == 0) {
      EXPECT_EQ(details.references.size(), 2'001u);
    } else {
      EXPECT_LE(events[i]->details.size(), 66'000u);
      EXPECT_GT(details.references.size(), 300u);
    }
  }
}

TEST_F(EventsTest, AShortListStandsInTheEventOfEachTag) {
  config_.events.include_references = true;
  Reconfigure();
  const std::string image = PushImage("a", "v1");
  const store::Seq head = Head();
  ASSERT_EQ(PutManifest("a", "v2?tag=v3", image).status, 201);
  for (const auto& event : EventsAfter(head)) {
    const store::Details details = store::DecodeDetails(event->details);
    EXPECT_EQ(details.references.size(), 2u);
    EXPECT_EQ(details.reference_count, 0);
  }
}

TEST_F(EventsTest, OneReferenceThatIsTooLargeIsOnlyCounted) {
  const ReferencesPtr first = References::First({{std::string(100'000, 'x'), "sha256:1", 1, ""}});
  EXPECT_TRUE(first->listed.empty());
  EXPECT_EQ(first->count, 1u);
}

TEST_F(EventsTest, DeletingAManifestTellsOfEachTag) {
  const std::string image = PushImage("a", "v2");
  PutManifest("a", "v1", image);
  const store::Seq head = Head();
  Send("DELETE", "/v2/a/manifests/" + Sha256(image));
  EXPECT_EQ(SaidAfter(head), (Lines{"delete manifest", "delete tag v1", "delete tag v2"}));
  const auto events = EventsAfter(head);
  EXPECT_EQ(events[0]->digest, Sha256(image));
  EXPECT_EQ(events[1]->digest, "");
  for (const auto& event : events) {
    EXPECT_EQ(event->repository, "a");
    EXPECT_EQ(event->media_type, "");
    EXPECT_EQ(event->size, 0);
    EXPECT_EQ(store::DecodeDetails(event->details).url, "");
    EXPECT_EQ(store::DecodeDetails(event->details).request_id, store::DecodeDetails(events[0]->details).request_id);
  }
}

TEST_F(EventsTest, DeletingATagOrABlobIsOneEvent) {
  PushImage("a", "v1");
  EXPECT_EQ(After({"DELETE", "/v2/a/manifests/v1"}, 202), Lines{"delete tag v1"});
  EXPECT_EQ(Last()->digest, "");
  EXPECT_EQ(After({"DELETE", "/v2/a/blobs/" + Sha256("layer")}, 202), Lines{"delete blob"});
  EXPECT_EQ(Last()->digest, Sha256("layer"));
  EXPECT_EQ(After({"DELETE", "/v2/a/manifests/v1"}, 404), Lines{});
  EXPECT_EQ(After({"DELETE", "/v2/a/blobs/" + Sha256("layer")}, 404), Lines{});
}

TEST_F(EventsTest, UploadsThemselvesAreSilent) {
  const store::Seq head = Head();
  const std::string location = StartUpload("a");
  Send(Ask("PATCH", location, "hello"));
  Send("GET", location);
  Send("DELETE", location);
  EXPECT_EQ(Head(), head);
}

TEST_F(EventsTest, RelaxedPullsAllArrive) {
  config_.events.pull = config::PullEvents::kRelaxed;
  Reconfigure();
  PushImage("a", "v1");
  const store::Seq head = Head();
  for (int i = 0; i < 300; ++i) ASSERT_EQ(Send("GET", "/v2/a/manifests/v1").status, 200);
  registry_.reset();  // commits what is queued
  const auto events = EventsAfter(head);
  ASSERT_EQ(events.size(), 300u);
  EXPECT_EQ(Said(*events.back()), "pull tag v1");
}

TEST_F(EventsTest, PullsCanBeSwitchedOff) {
  config_.events.pull = config::PullEvents::kOff;
  Reconfigure();
  PushImage("a", "v1");
  EXPECT_EQ(After({"GET", "/v2/a/manifests/v1"}, 200), Lines{});
  EXPECT_EQ(After({"GET", "/v2/a/blobs/" + Sha256("layer")}, 200), Lines{});
}

TEST_F(EventsTest, ActorsAreWhoTheyClaimToBe) {
  for (const auto& [header, actor] :
       std::vector<std::pair<std::string, std::string>>{{"Basic YWxpY2U6c2VjcmV0", "alice"},
                                                        {"basic YWxpY2U6", "alice"},
                                                        {"Bearer xyz", ""},
                                                        {"Basic !!!", ""},
                                                        {"Basic", ""},
                                                        {"Basic YWxpY2U=", ""},
                                                        {"Basic w7w6Pz8/", "\xc3\xbc"}}) {
    After({"POST", "/v2/a/blobs/uploads/?digest=" + Sha256("x"), "x", {{"Authorization", header}}}, 201);
    EXPECT_EQ(Last()->actor, actor) << header;
  }
}

}  // namespace
}  // namespace portcall::registry
