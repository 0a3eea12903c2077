#include <thread>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

class ManifestsTest : public ServiceTest {
 protected:
  static std::string IndexOf(const std::string& child, const std::string& more = {}) {
    return R"({"schemaVersion":2,"manifests":[{"mediaType":")" + std::string(kOciManifest) + R"(","digest":")" + child +
           R"(","size":1}])" + more + "}";
  }
};

TEST_F(ManifestsTest, WhatWasPushedComesBackByTagAndDigest) {
  const std::string image = PushImage("a/b", "v1");
  for (const std::string& reference : {std::string("v1"), Sha256(image)}) {
    for (int time = 0; time < 2; ++time) {
      const auto get = Send("GET", "/v2/a/b/manifests/" + reference);
      const auto head = Send("HEAD", "/v2/a/b/manifests/" + reference);
      EXPECT_EQ(BodyOf(get), image);
      EXPECT_EQ(BodyOf(head), "");
      EXPECT_EQ(head.head_length, image.size());
      for (const auto& response : {get, head}) {
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(Field(response, "Content-Type"), kOciManifest);
        EXPECT_EQ(Field(response, "Docker-Content-Digest"), Sha256(image));
        EXPECT_EQ(Field(response, "Etag"), "\"" + Sha256(image) + "\"");
      }
    }
  }
  EXPECT_EQ(Send("GET", "/v2/c/manifests/" + Sha256(image)).status, 404) << "another repository";
}

TEST_F(ManifestsTest, TheAnswerToAPush) {
  PushBlob("a", "{}");
  const std::string image = ImageOf("{}", {});
  const auto put = PutManifest("a", "v1", image, std::string(kOciManifest) + "; charset=utf-8");
  EXPECT_EQ(put.status, 201);
  EXPECT_EQ(Field(put, "Location"), "http://127.0.0.1:5600/v2/a/manifests/" + Sha256(image));
  EXPECT_EQ(Field(put, "Docker-Content-Digest"), Sha256(image));
  EXPECT_FALSE(put.fields.Has("OCI-Subject"));
  EXPECT_EQ(PutManifest("a", Sha256(image), image).status, 201);
}

TEST_F(ManifestsTest, AcceptNeverHidesWhatIsThere) {
  const std::string image = PushImage("a", "v1");
  for (const char* accept : {"*/*", "application/vnd.docker.distribution.manifest.v2+json", "text/html"}) {
    EXPECT_EQ(BodyOf(Send(Ask("GET", "/v2/a/manifests/v1", "", {{"Accept", accept}}))), image);
  }
}

TEST_F(ManifestsTest, WhatTheClientHasIsNotSentAgain) {
  const std::string image = PushImage("a", "v1");
  const auto same = Send(Ask("GET", "/v2/a/manifests/v1", "", {{"If-None-Match", "\"" + Sha256(image) + "\""}}));
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(BodyOf(same), "");
}

TEST_F(ManifestsTest, AMovedTagIsSeenAtOnce) {
  const std::string first = PushImage("a", "v1", "1");
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/manifests/v1")), first);
  const std::string second = PushImage("a", "v1", "2");
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/manifests/v1")), second);
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/manifests/" + Sha256(first))), first) << "the old one stays, by digest";
}

TEST_F(ManifestsTest, UnknownOnes) {
  EXPECT_EQ(
      BodyOf(Send("GET", "/v2/a/manifests/nosuch")),
      "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\",\"detail\":{\"Tag\":\"nosuch\"}"
      "}]}\n");
  const std::string threes = "sha256:" + std::string(64, '3');
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/manifests/" + threes)),
            "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\",\"detail\":{\"Name\":\"a\","
            "\"Revision\":\"" +
                threes + "\"}}]}\n");
  EXPECT_EQ(CodesOf(BodyOf(Send("GET", "/v2/a/manifests/sha256:baddigeststring"))), "DIGEST_INVALID");
}

TEST_F(ManifestsTest, EachMissingBlobIsNamedAndNothingIsKept) {
  PushBlob("a", "there");
  const store::Seq head = Head();
  const std::string image = ImageOf("config", {"there", "layer", "layer"});
  const auto put = PutManifest("a", "v1", image);
  EXPECT_EQ(put.status, 400);
  EXPECT_EQ(CodesOf(BodyOf(put)), "MANIFEST_BLOB_UNKNOWN,MANIFEST_BLOB_UNKNOWN");
  EXPECT_NE(BodyOf(put).find("\"detail\":\"" + Sha256("config") + "\""), std::string::npos);
  EXPECT_EQ(Send("GET", "/v2/a/manifests/v1").status, 404);
  EXPECT_EQ(Send("GET", "/v2/a/manifests/" + Sha256(image)).status, 404);
  EXPECT_EQ(Head(), head);
}

TEST_F(ManifestsTest, TheListOfWhatIsMissingHasAnEnd) {
  std::vector<std::string> layers;
  for (int i = 0; i < 2'000; ++i) layers.push_back(std::to_string(i));
  layers.insert(layers.end(), 2'000, "the same");
  const auto put = PutManifest("a", "v1", ImageOf("{}", layers));
  EXPECT_EQ(put.status, 400);
  EXPECT_LT(BodyOf(put).size(), std::size_t{200'000});
}

TEST_F(ManifestsTest, ABlobOfAnotherRepositoryIsMissingHere) {
  PushBlob("b", "{}");
  EXPECT_EQ(CodesOf(BodyOf(PutManifest("a", "v1", ImageOf("{}", {})))), "MANIFEST_BLOB_UNKNOWN");
}

TEST_F(ManifestsTest, AnIndexNeedsItsChildren) {
  const std::string index = IndexOf(Sha256(ImageOf("{}", {"layer"})));
  EXPECT_EQ(CodesOf(BodyOf(PutManifest("a", "idx", index, kOciIndex))), "MANIFEST_BLOB_UNKNOWN");
  PushImage("a", "");
  EXPECT_EQ(PutManifest("a", "idx", index, kOciIndex).status, 201);
  EXPECT_EQ(Field(Send("GET", "/v2/a/manifests/idx"), "Content-Type"), kOciIndex);
  const std::string cache = IndexOf(Sha256("layer"));
  EXPECT_EQ(PutManifest("a", "cache", cache, kOciIndex).status, 201) << "build caches name blobs";
  EXPECT_EQ(PutManifest("a", "empty", R"({"schemaVersion":2,"manifests":[]})", kOciIndex).status, 201);
}

TEST_F(ManifestsTest, LayersKeptElsewhereAreAcceptedUnlessTheFileSaysNo) {
  PushBlob("a", "{}");
  const std::string image =
      R"({"schemaVersion":2,"config":{"mediaType":"application/x","size":2,"digest":")" + Sha256("{}") +
      R"("},"layers":[{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","size":1,"digest":")" +
      Sha256("elsewhere") + R"(","urls":["https://store.example.com/layer"]}]})";
  EXPECT_EQ(PutManifest("a", "v1", image).status, 201) << "with the default file";
  config_.validation.urls = config::UrlRules({{"^https://store\\.example\\.com/"}}, {});
  Reconfigure();
  EXPECT_EQ(PutManifest("a", "v2", image).status, 201);
  config_.validation.urls = config::UrlRules({{"^https://other\\.example\\.com/"}}, {});
  Reconfigure();
  const auto refused = PutManifest("a", "v3", image);
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(BodyOf(refused).find("https://store.example.com/layer"), std::string::npos);
  EXPECT_EQ(Send("GET", "/v2/a/manifests/v2").status, 200) << "what is there stays";
}

TEST_F(ManifestsTest, SparseIndexesAreAcceptedWhereTheFileSaysSo) {
  const std::string index = IndexOf(Sha256("child"));
  config_.validation.children = config::ValidationConfig::Children::kNone;
  Reconfigure();
  EXPECT_EQ(PutManifest("a", "idx", index, kOciIndex).status, 201);
  config_.validation.children = config::ValidationConfig::Children::kAll;
  Reconfigure();
  EXPECT_EQ(PutManifest("a", "idx", index, kOciIndex).status, 400);
}

TEST_F(ManifestsTest, RefusalsOfAPushLeaveNothing) {
  PushBlob("a", "{}");
  const store::Seq head = Head();
  const std::string image = ImageOf("{}", {});
  const auto code = [&](const std::string& reference, const std::string& bytes,
                        const std::string& type = kOciManifest) {
    const auto response = PutManifest("a", reference, bytes, type);
    return std::to_string(response.status) + " " + CodesOf(BodyOf(response));
  };
  EXPECT_EQ(code("v1", "not json"), "400 MANIFEST_INVALID");
  EXPECT_EQ(code("v1", image, ""), "400 MANIFEST_INVALID");
  EXPECT_EQ(code("v1", image, "application/x-foo"), "400 MANIFEST_INVALID");
  EXPECT_EQ(code("v1", image, kOciIndex), "400 MANIFEST_INVALID");
  EXPECT_EQ(code("v1", image, "application/vnd.docker.distribution.manifest.v1+prettyjws"), "400 MANIFEST_INVALID");
  EXPECT_EQ(code("sha256:" + std::string(64, '0'), image), "400 DIGEST_INVALID");
  EXPECT_EQ(code("sha256:baddigeststring", image), "400 DIGEST_INVALID");
  EXPECT_EQ(code("v1?tag=.bad", image), "400 TAG_INVALID");
  EXPECT_EQ(code("v1", std::string((4 << 20) + 1, ' ')), "413 MANIFEST_INVALID");
  Ask chunked("PUT", "/v2/a/manifests/v1", std::string((4 << 20) + 1, ' '), {{"Content-Type", kOciManifest}});
  chunked.chunked = true;
  EXPECT_EQ(Send(chunked).status, 413);
  Ask cut("PUT", "/v2/a/manifests/v1", image, {{"Content-Type", kOciManifest}});
  cut.cut = true;
  EXPECT_EQ(Send(cut).status, 400);
  EXPECT_EQ(Head(), head);
  EXPECT_EQ(Send("GET", "/v2/a/manifests/v1").status, 404);
}

TEST_F(ManifestsTest, UpToFourMebibytes) {
  PushBlob("a", "{}");
  const std::string head = ImageOf("{}", {}, R"(,"annotations":{"k":")"), tail = "\"}}";
  std::string image = head.substr(0, head.size() - 1);
  image += std::string((4 << 20) - image.size() - tail.size(), 'x') + tail;
  ASSERT_EQ(image.size(), 4u << 20);
  EXPECT_EQ(PutManifest("a", "big", image).status, 201);
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/manifests/big")), image);
}

// On the loop, or in a query, it would hold up whoever else is there.
TEST_F(ManifestsTest, LargeOnesAreTakenApartBesideEverythingElse) {
  config_.events.include_references = true;
  Reconfigure();
  PushBlob("a", "{}");
  const std::string large = ImageOf("{}", {}, R"(,"annotations":{"n":")" + std::string(1 << 20, 'x') + R"("})");
  ASSERT_EQ(PutManifest("a", "large", large).status, 201);
  ASSERT_EQ(PutManifest("a", "small", ImageOf("{}", {})).status, 201);
  Restart();  // nothing is cached
  HoldHashing();
  FakeBody none("");
  http::Request request;
  request.method = "GET";
  request.target = "/v2/a/manifests/large";
  request.peer_ip = "127.0.0.1";
  request.fields.Add("Host", "h");
  request.body = &none;
  RoutedRequest routed = registry_->Read(request);
  auto waiting = runner_->Start(registry_->Handle(request, routed));
  EXPECT_EQ(Send("GET", "/v2/a/manifests/small").status, 200);
  EXPECT_EQ(PutManifest("a", "more", ImageOf("{}", {})).status, 201);
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  LetHash();
  EXPECT_EQ(portcall::testing::LoopRunner::Await(std::move(waiting)).status, 200);
}

TEST_F(ManifestsTest, APushCountsWithAllThatIsMadeOfIt) {
  PushBlob("a", "{}");
  PushBlob("a", "layer");
  const std::string large = ImageOf("{}", std::vector<std::string>(10'000, "layer"));
  HoldHashing();
  auto pushed = std::async(std::launch::async, [&] { return PutManifest("a", "large", large).status; });
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (budget_.held() < 10'000 * 700 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_GE(budget_.held(), 10'000u * 700);
  LetHash();
  EXPECT_EQ(pushed.get(), 201);
  EXPECT_EQ(budget_.held(), 0u);
}

TEST_F(ManifestsTest, APushCountsTheEventOfEachTag) {
  constexpr std::size_t kTags = 20, kEntries = 2'000;
  config_.events.include_references = true;
  Reconfigure();
  PushBlob("a", "{}");
  PushBlob("a", "layer");
  const std::string large = ImageOf("{}", std::vector<std::string>(kEntries, "layer"));
  std::string place = Sha256(large) + "?tag=v0";
  for (std::size_t i = 1; i < kTags; ++i) place += "&tag=v" + std::to_string(i);
  HoldHashing();
  auto pushed = std::async(std::launch::async, [&] { return PutManifest("a", place, large).status; });
  const std::size_t least = kEntries * 700 + kTags * References::kMaxPulled;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (budget_.held() < least && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_GE(budget_.held(), least);
  LetHash();
  EXPECT_EQ(pushed.get(), 201);
}

TEST_F(ManifestsTest, Sha512Digests) {
  PushBlob("a", "{}");
  const std::string image = ImageOf("{}", {});
  const auto put = PutManifest("a", Sha512(image), image);
  EXPECT_EQ(put.status, 201);
  EXPECT_EQ(Field(put, "Docker-Content-Digest"), Sha512(image));
  EXPECT_EQ(Field(Send("GET", "/v2/a/manifests/" + Sha512(image)), "Docker-Content-Digest"), Sha512(image));
}

TEST_F(ManifestsTest, OnePushMayNameSeveralTags) {
  PushBlob("a", "{}");
  const std::string image = ImageOf("{}", {});
  const auto put = PutManifest("a", Sha256(image) + "?tag=one&tag=two&tag=one", image);
  EXPECT_EQ(put.status, 201);
  EXPECT_EQ(put.fields.All("OCI-Tag"), (std::vector<std::string_view>{"one", "two"}));
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/manifests/two")), image);
}

TEST_F(ManifestsTest, OnePushNamesThirtyTwoTagsAtMost) {
  PushBlob("a", "{}");
  const std::string image = ImageOf("{}", {});
  const auto push = [&](const std::string& reference, int more) {
    std::string query = "?";
    for (int i = 0; i < more; ++i) query += "tag=t" + std::to_string(i) + "&";
    const auto put = PutManifest("a", reference + query, image);
    return put.status == 201 ? "pushed" : CodesOf(BodyOf(put));
  };
  EXPECT_EQ(push("one", 32), "TAG_INVALID");
  EXPECT_EQ(push(Sha256(image), 33), "TAG_INVALID");
  EXPECT_EQ(Send("GET", "/v2/a/manifests/t0").status, 404) << "nothing is kept";
  EXPECT_EQ(push("one", 31), "pushed");
  EXPECT_EQ(push(Sha256(image), 32), "pushed");
}

TEST_F(ManifestsTest, DeletingByDigestTakesTheTagsAlong) {
  const std::string image = PushImage("a", "v1");
  PutManifest("a", "v2", image);
  PushImage("a", "other", "2");
  Send("GET", "/v2/a/manifests/v1");
  EXPECT_EQ(Send("DELETE", "/v2/a/manifests/" + Sha256(image)).status, 202);
  for (const std::string& reference : {std::string("v1"), std::string("v2"), Sha256(image)}) {
    EXPECT_EQ(Send("GET", "/v2/a/manifests/" + reference).status, 404) << reference;
  }
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/tags/list")), "{\"name\":\"a\",\"tags\":[\"other\"]}\n");
  const auto again = Send("DELETE", "/v2/a/manifests/" + Sha256(image));
  EXPECT_EQ(CodesOf(BodyOf(again)), "MANIFEST_UNKNOWN");
}

TEST_F(ManifestsTest, AChangeOfUnknownOutcomeIsAskedForAgain) {
  const std::string image = PushImage("acme/app", "v1");
  HideNextOutcome();
  const auto unknown = PutManifest("acme/app", "v2", image);
  EXPECT_EQ(unknown.status, 503);
  EXPECT_EQ(Field(unknown, "Retry-After"), "5");
  EXPECT_EQ(PutManifest("acme/app", "v2", image).status, 201);
  HideNextOutcome();
  EXPECT_EQ(Send("DELETE", "/v2/acme/app/manifests/" + Sha256(image)).status, 503);
  EXPECT_EQ(Send("GET", "/v2/acme/app/manifests/v1").status, 404) << "it was made, and the cache knows";
}

TEST_F(ManifestsTest, DeletingATagLeavesTheManifest) {
  const std::string image = PushImage("a", "v1");
  PutManifest("a", "v2", image);
  Send("GET", "/v2/a/manifests/v1");
  EXPECT_EQ(Send("DELETE", "/v2/a/manifests/v1").status, 202);
  EXPECT_EQ(Send("GET", "/v2/a/manifests/v1").status, 404);
  EXPECT_EQ(Send("DELETE", "/v2/a/tags/reference/v2").status, 202) << "GitLab's address";
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/manifests/" + Sha256(image))), image);
  EXPECT_EQ(CodesOf(BodyOf(Send("DELETE", "/v2/a/manifests/v1"))), "MANIFEST_UNKNOWN");
}

TEST_F(ManifestsTest, DeletionMustBeSwitchedOn) {
  const std::string image = PushImage("a", "v1");
  config_.storage.delete_enabled = false;
  Reconfigure();
  const store::Seq head = Head();
  for (const std::string& reference : {std::string("v1"), Sha256(image)}) {
    const auto response = Send("DELETE", "/v2/a/manifests/" + reference);
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(CodesOf(BodyOf(response)), "UNSUPPORTED");
  }
  EXPECT_EQ(Head(), head);
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/manifests/v1")), image);
}

}  // namespace
}  // namespace portcall::registry
