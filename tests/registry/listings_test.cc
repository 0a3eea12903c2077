#include <algorithm>
#include <nlohmann/json.hpp>

#include "store/catalog_changes.h"
#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

class ListingsTest : public ServiceTest {
 protected:
  // Follows Link headers to the end; every name in the order that it came.
  std::vector<std::string> Follow(std::string path, const char* member, int* pages = nullptr) {
    std::vector<std::string> names;
    while (!path.empty()) {
      const auto response = Send("GET", path);
      EXPECT_EQ(response.status, 200) << path;
      const auto json = nlohmann::json::parse(BodyOf(response));
      for (const auto& name : json[member]) names.push_back(name.get<std::string>());
      const std::string link = Field(response, "Link");
      EXPECT_TRUE(link.empty() || link.ends_with(">; rel=\"next\"")) << link;
      path = link.empty() ? "" : link.substr(1, link.find('>') - 1);
      if (pages != nullptr) ++*pages;
    }
    return names;
  }
};

TEST_F(ListingsTest, TagsInBytewiseOrder) {
  const std::string image = PushImage("a/b", "v2");
  for (const char* tag : {"V1", "_x", "10", "v1"}) PutManifest("a/b", tag, image);
  const auto list = Send("GET", "/v2/a/b/tags/list");
  EXPECT_EQ(BodyOf(list), "{\"name\":\"a/b\",\"tags\":[\"10\",\"V1\",\"_x\",\"v1\",\"v2\"]}\n");
  EXPECT_FALSE(list.fields.Has("Link"));
  EXPECT_EQ(list.handler, "tags");
  int pages = 0;
  EXPECT_EQ(Follow("/v2/a/b/tags/list?n=2", "tags", &pages), (std::vector<std::string>{"10", "V1", "_x", "v1", "v2"}));
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(Field(Send("GET", "/v2/a/b/tags/list?n=2"), "Link"), "</v2/a/b/tags/list?last=V1&n=2>; rel=\"next\"");
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/b/tags/list?last=_x")), "{\"name\":\"a/b\",\"tags\":[\"v1\",\"v2\"]}\n");
}

TEST_F(ListingsTest, ZeroTagsAreAnEmptyPageWithoutANext) {
  PushImage("a", "v1");
  const auto none = Send("GET", "/v2/a/tags/list?n=0");
  EXPECT_EQ(BodyOf(none), "{\"name\":\"a\",\"tags\":[]}\n");
  EXPECT_FALSE(none.fields.Has("Link"));
  EXPECT_EQ(Send("GET", "/v2/none/tags/list?n=0").status, 404);
}

TEST_F(ListingsTest, MoreTagsThanAllowedAreClamped) {
  const std::string image = PushImage("a", "v1");
  PutManifest("a", "v2", image);
  PutManifest("a", "v3", image);
  config_.tags_max = 2;
  Reconfigure();
  int pages = 0;
  EXPECT_EQ(Follow("/v2/a/tags/list?n=1000", "tags", &pages).size(), 3u);
  EXPECT_EQ(pages, 2);
}

TEST_F(ListingsTest, ARepositoryWithoutTagsIsKnown) {
  PushBlob("only/blobs", "x");
  EXPECT_EQ(BodyOf(Send("GET", "/v2/only/blobs/tags/list")), "{\"name\":\"only/blobs\",\"tags\":[]}\n");
  EXPECT_EQ(BodyOf(Send("GET", "/v2/no/such/tags/list")),
            "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"repository name not known to registry\","
            "\"detail\":{\"name\":\"no/such\"}}]}\n");
}

TEST_F(ListingsTest, TheCatalogInPages) {
  EXPECT_EQ(BodyOf(Send("GET", "/v2/_catalog")), "{\"repositories\":[]}\n");
  for (const char* name : {"acme/web", "acme-x", "acme/app", "zed"}) PushBlob(name, "x");
  const std::vector<std::string> all{"acme/app", "acme/web", "acme-x", "zed"};
  EXPECT_EQ(Follow("/v2/_catalog", "repositories"), all) << "a slash sorts before every other byte";
  int pages = 0;
  EXPECT_EQ(Follow("/v2/_catalog?n=1", "repositories", &pages), all);
  EXPECT_EQ(pages, 4);
  EXPECT_EQ(Field(Send("GET", "/v2/_catalog?n=2"), "Link"), "</v2/_catalog?last=acme%2Fweb&n=2>; rel=\"next\"");
  EXPECT_EQ(BodyOf(Send("GET", "/v2/_catalog?last=zzz")), "{\"repositories\":[]}\n");
  EXPECT_EQ(BodyOf(Send("GET", "/v2/_catalog?n=0")), "{\"repositories\":[]}\n");
  EXPECT_EQ(Follow("/v2/_catalog?n=-1", "repositories"), all);
  EXPECT_EQ(Send("GET", "/v2/_catalog?n=1000").status, 200);
  EXPECT_EQ(CodesOf(BodyOf(Send("GET", "/v2/_catalog?n=1001"))), "PAGINATION_NUMBER_INVALID");
  EXPECT_EQ(BodyOf(Send("GET", "/v2/_catalog?n=100000")),
            "{\"errors\":[{\"code\":\"PAGINATION_NUMBER_INVALID\",\"message\":\"invalid number of results requested\","
            "\"detail\":{\"n\":100000}}]}\n");
}

TEST_F(ListingsTest, ReferrersOfAnythingAreAnIndex) {
  const std::string zeros = "sha256:" + std::string(64, '0');
  const auto none = Send("GET", "/v2/no/such/referrers/" + zeros);
  EXPECT_EQ(none.status, 200);
  EXPECT_EQ(Field(none, "Content-Type"), kOciIndex);
  EXPECT_EQ(BodyOf(none),
            "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}\n");
  EXPECT_EQ(none.handler, "referrers");
  EXPECT_EQ(CodesOf(BodyOf(Send("GET", "/v2/a/referrers/sha256:zzz"))), "DIGEST_INVALID");
}

TEST_F(ListingsTest, ReferrersAreFoundAndFiltered) {
  PushBlob("a", "{}");
  const std::string subject = "sha256:" + std::string(64, '5');
  const std::string about = R"(,"subject":{"mediaType":"application/x","size":1,"digest":")" + subject + "\"}";
  const std::string sbom = ImageOf("{}", {}, about + R"(,"artifactType":"application/sbom","annotations":{"k":"v"})");
  const std::string signature = ImageOf("{}", {}, about + R"(,"artifactType":"application/sig")");
  const auto put = PutManifest("a", Sha256(sbom), sbom);
  EXPECT_EQ(put.status, 201) << "a subject need not exist";
  EXPECT_EQ(Field(put, "OCI-Subject"), subject);
  PutManifest("a", Sha256(signature), signature);

  const auto all = Send("GET", "/v2/a/referrers/" + subject);
  const auto manifests = nlohmann::json::parse(BodyOf(all))["manifests"];
  ASSERT_EQ(manifests.size(), 2u);
  EXPECT_FALSE(all.fields.Has("OCI-Filters-Applied"));
  const auto filtered = Send("GET", "/v2/a/referrers/" + subject + "?artifactType=application%2Fsbom");
  EXPECT_EQ(Field(filtered, "OCI-Filters-Applied"), "artifactType");
  const nlohmann::json expected{{"mediaType", kOciManifest},
                                {"digest", Sha256(sbom)},
                                {"size", sbom.size()},
                                {"artifactType", "application/sbom"},
                                {"annotations", {{"k", "v"}}}};
  EXPECT_EQ(nlohmann::json::parse(BodyOf(filtered))["manifests"], nlohmann::json::array({expected}));

  EXPECT_EQ(Send("DELETE", "/v2/a/manifests/" + Sha256(sbom)).status, 202);
  EXPECT_EQ(nlohmann::json::parse(BodyOf(Send("GET", "/v2/a/referrers/" + subject)))["manifests"].size(), 1u);
}

// Follows Link from the first page on; the digests in their order, one list for each page.
class ReferrersTest : public ListingsTest {
 protected:
  using List = std::vector<std::string>;
  using Lists = std::vector<List>;
  std::vector<std::vector<std::string>> Pages(const std::string& query) {
    std::vector<std::vector<std::string>> pages;
    std::string path = "/v2/a/referrers/" + subject_ + query;
    while (!path.empty() && pages.size() < 100) {
      const auto answer = Send("GET", path);
      EXPECT_EQ(answer.status, 200) << path;
      const std::string body = BodyOf(answer);
      EXPECT_LE(body.size(), 4u << 20);
      std::vector<std::string>& page = pages.emplace_back();
      const auto index = nlohmann::json::parse(body);
      for (const auto& one : index["manifests"]) page.push_back(one["digest"]);
      const std::string link = Field(answer, "Link");
      EXPECT_TRUE(link.empty() || link.ends_with(">; rel=\"next\"")) << link;
      path = link.empty() ? "" : link.substr(1, link.find('>') - 1);
    }
    return pages;
  }
  std::string PushReferrer(const std::string& more) {
    const std::string bytes = ImageOf("{}", {}, about_ + more);
    EXPECT_EQ(PutManifest("a", Sha256(bytes), bytes).status, 201);
    return Sha256(bytes);
  }
  static std::string Annotated(const std::string& value) { return R"(,"annotations":{"k":")" + value + "\"}"; }

  const std::string subject_ = "sha256:" + std::string(64, '5');
  const std::string about_ = R"(,"subject":{"mediaType":"application/x","size":1,"digest":")" + subject_ + "\"}";
};

TEST_F(ReferrersTest, APageHasAsManyAsWereAskedForAndALinkToTheNext) {
  PushBlob("a", "{}");
  std::vector<std::string> pushed;
  for (int i = 0; i < 5; ++i) pushed.push_back(PushReferrer(Annotated(std::to_string(i))));
  EXPECT_EQ(Pages(""), (Lists{pushed}));
  EXPECT_EQ(Pages("?n=2"), (Lists{List{pushed[0], pushed[1]}, List{pushed[2], pushed[3]}, List{pushed[4]}}));
  EXPECT_EQ(Pages("?n=5"), (Lists{pushed})) << "the last page has no Link";
  EXPECT_EQ(Pages("?n=0"), (Lists{pushed}));
  EXPECT_EQ(Pages("?n=x"), (Lists{pushed}));
}

TEST_F(ReferrersTest, AFilterGoesAlongFromPageToPage) {
  PushBlob("a", "{}");
  std::vector<std::vector<std::string>> sboms;
  for (int i = 0; i < 3; ++i) {
    PushReferrer(R"(,"artifactType":"application/sig+x")" + Annotated(std::to_string(i)));
    sboms.push_back({PushReferrer(R"(,"artifactType":"application/sbom+x")" + Annotated(std::to_string(i)))});
  }
  EXPECT_EQ(Pages("?artifactType=application%2Fsbom%2Bx&n=1"), sboms);
}

TEST_F(ReferrersTest, AnAnswerHasAtMostFourMebibytes) {
  PushBlob("a", "{}");
  std::vector<std::string> pushed;
  for (const char* letter : {"a", "b", "c"}) {
    pushed.push_back(PushReferrer(Annotated(std::string(1'800'000, *letter))));
  }
  EXPECT_EQ(Pages(""), (Lists{List{pushed[0], pushed[1]}, List{pushed[2]}}));
}

TEST_F(ReferrersTest, WhatOnlyATagListsComesBehindTheOthersOnce) {
  PushBlob("a", "{}");
  const std::string known = PushReferrer(Annotated("known"));
  std::string children;
  std::vector<std::string> expected{known};
  for (const std::string& digest : {known, Sha256("x"), Sha256("y"), Sha256("x")}) {
    children += std::string(children.empty() ? "" : ",") + R"({"mediaType":"m","size":1,"digest":")" + digest + "\"}";
    if (std::ranges::find(expected, digest) == expected.end()) expected.push_back(digest);
  }
  config_.validation.children = config::ValidationConfig::Children::kNone;
  Reconfigure();
  ASSERT_EQ(PutManifest("a", "sha256-" + std::string(64, '5'), R"({"schemaVersion":2,"manifests":[)" + children + "]}",
                        kOciIndex)
                .status,
            201);
  EXPECT_EQ(Pages(""), (Lists{expected}));
  EXPECT_EQ(Pages("?n=1"), (Lists{List{expected[0]}, List{expected[1]}, List{expected[2]}}));
}

// Old clients write the whole index anew with each push.
TEST_F(ReferrersTest, APageOfWhatATagListsBeginsBehindTheSameEntryWhateverIsPushed) {
  config_.validation.children = config::ValidationConfig::Children::kNone;
  Reconfigure();
  const auto list = [&](const List& contents) {
    std::string children;
    for (const std::string& content : contents) {
      children += std::string(children.empty() ? "" : ",") + R"({"size":1,"digest":")" + Sha256(content) + "\"}";
    }
    const std::string index = R"({"schemaVersion":2,"manifests":[)" + children + "]}";
    ASSERT_EQ(PutManifest("a", "sha256-" + std::string(64, '5'), index, kOciIndex).status, 201);
  };
  const auto rest = [&](const std::string& link) {
    const auto answer = Send("GET", link.substr(1, link.find('>') - 1));
    List digests;
    const auto index = nlohmann::json::parse(BodyOf(answer));
    for (const auto& one : index["manifests"]) digests.push_back(one["digest"]);
    return digests;
  };
  list({"1", "2", "3", "4"});
  const std::string next = Field(Send("GET", "/v2/a/referrers/" + subject_ + "?n=2"), "Link");
  list({"0", "1", "2", "3", "4"});
  EXPECT_EQ(rest(next), (List{Sha256("3"), Sha256("4")}));
  list({"2", "3", "4"});
  EXPECT_EQ(rest(next), (List{Sha256("3"), Sha256("4")}));
  list({"1", "3", "4"});
  EXPECT_EQ(rest(next), (List{Sha256("4")})) << "by its number, where the last one has gone";
}

// Each of them can be stored by anyone, and each is read by whoever asks.
TEST_F(ReferrersTest, AManifestWithMostAnnotationsIsListed) {
  PushBlob("a", "{}");
  std::string annotations;
  for (int i = 0; i < 300'000; ++i) annotations += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
  const std::string pushed = PushReferrer(R"(,"annotations":{)" + annotations + "}");
  const auto answer = Send("GET", "/v2/a/referrers/" + subject_);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(BodyOf(answer).size() / 1'000'000, 3u);
  const auto listed = nlohmann::json::parse(BodyOf(answer))["manifests"];
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0]["digest"], pushed);
  EXPECT_EQ(listed[0]["annotations"].size(), 300'000u);

  // In an index that old clients keep, too.
  const std::string child =
      R"({"mediaType":"m","size":1,"digest":")" + pushed + R"(","annotations":{)" + annotations + "}}";
  const std::string other = "sha256-" + std::string(64, '6');
  ASSERT_EQ(PutManifest("a", other, R"({"schemaVersion":2,"manifests":[)" + child + "]}", kOciIndex).status, 201);
  const auto tagged = Send("GET", "/v2/a/referrers/sha256:" + std::string(64, '6'));
  EXPECT_EQ(nlohmann::json::parse(BodyOf(tagged))["manifests"][0]["annotations"].size(), 300'000u);
}

TEST_F(ReferrersTest, MoreThanOneQueryLooksAtAreListedAndFiltered) {
  store::ManifestPush push;
  push.repository = "a";
  push.manifest = {"", kOciManifest, "{}", subject_, "application/sig", ""};
  constexpr int kMany = 2 * static_cast<int>(store::kRowsAtOnce) + 5;
  std::string children, wanted;
  auto store_all = [&](store::Tx& tx) -> Result<bool> {
    for (int i = 0; i < kMany; ++i) {
      push.manifest.digest = Sha256(std::to_string(i));
      push.manifest.artifact_type = i == kMany - 1 ? "application/sbom" : "application/sig";
      wanted = push.manifest.digest;
      store::PushManifest(tx, push);
    }
    return true;
  };
  ASSERT_TRUE(store_->WriteNow(store_all));
  const Lists all = Pages("");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].size(), static_cast<std::size_t>(kMany));
  EXPECT_EQ(Pages("?artifactType=application%2Fsbom"), (Lists{List{wanted}}));
  // A tag that lists all of them and one more adds that one.
  for (int i = 0; i <= kMany; ++i) {
    children += std::string(i == 0 ? "" : ",") + R"({"size":1,"digest":")" + Sha256(std::to_string(i)) + "\"}";
  }
  config_.validation.children = config::ValidationConfig::Children::kNone;
  Reconfigure();
  const std::string index = R"({"schemaVersion":2,"manifests":[)" + children + "]}";
  ASSERT_EQ(PutManifest("a", "sha256-" + std::string(64, '5'), index, kOciIndex).status, 201);
  const Lists longer = Pages("");
  ASSERT_EQ(longer.size(), 1u);
  EXPECT_EQ(longer[0].size(), static_cast<std::size_t>(kMany + 1));
  EXPECT_EQ(longer[0].back(), Sha256(std::to_string(kMany)));
}

TEST_F(ListingsTest, BehindManyRepositoriesThatAreEmptyTheNextIsFound) {
  const std::string digest = PushBlob("z", "{}");
  PushBlob("y", "{}");
  auto empty_many = [&](store::Tx& tx) -> Result<bool> {
    for (std::size_t i = 0; i < 2 * store::kRowsAtOnce + 5; ++i) {
      const std::string name = "a" + std::to_string(i);
      store::FinishUpload(tx, {name, digest, 2, "", {}});
      store::DeleteBlob(tx, {name, digest, {}});
    }
    return true;
  };
  ASSERT_TRUE(store_->WriteNow(empty_many));
  const auto page = Send("GET", "/v2/_catalog?n=1");
  EXPECT_EQ(BodyOf(page), "{\"repositories\":[\"y\"]}\n");
  EXPECT_EQ(Field(page, "Link"), "</v2/_catalog?last=y&n=1>; rel=\"next\"");
  const auto all = Send("GET", "/v2/_catalog");
  EXPECT_EQ(BodyOf(all), "{\"repositories\":[\"y\",\"z\"]}\n");
  EXPECT_EQ(Field(all, "Link"), "");
}

TEST_F(ListingsTest, MoreTagsThanOneQueryLooksAtAreListed) {
  store::ManifestPush push;
  push.repository = "a";
  push.manifest = {Sha256("m"), kOciManifest, "{}", "", "", ""};
  std::string expected;
  for (std::size_t i = 0; i < store::kRowsAtOnce * 2; ++i) {
    push.tags.push_back("t" + std::to_string(10'000 + i));
    expected += std::string(i == 0 ? "" : ",") + "\"" + push.tags.back() + "\"";
  }
  auto tag_all = [&](store::Tx& tx) -> Result<bool> { return store::PushManifest(tx, push).empty(); };
  ASSERT_TRUE(store_->WriteNow(tag_all));
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/tags/list")), "{\"name\":\"a\",\"tags\":[" + expected + "]}\n");
}

TEST_F(ReferrersTest, APageThatIsNoneIsRefused) {
  for (const char* last : {"x", "-1", "0", "t", "tx", "99999999999999999999"}) {
    const auto refused = Send("GET", "/v2/a/referrers/" + subject_ + "?last=" + last);
    EXPECT_EQ(refused.status, 400) << last;
    EXPECT_EQ(CodesOf(BodyOf(refused)), "PAGINATION_NUMBER_INVALID") << last;
  }
}

TEST_F(ListingsTest, LinksCarryThePathOfTheConfiguredHost) {
  PushBlob("a", "{}");
  PushBlob("b", "{}");
  config_.http.host = "https://registry.example.com/sub/";
  Reconfigure();
  EXPECT_EQ(Field(Send("GET", "/v2/_catalog?n=1"), "Link"), "</sub/v2/_catalog?last=a&n=1>; rel=\"next\"");
}

TEST_F(ListingsTest, TheTagThatOldClientsKeptIsTakenOver) {
  const std::string image = PushImage("a", "v1");
  const std::string subject = "sha256:" + std::string(64, '5');
  const std::string index = R"({"schemaVersion":2,"manifests":[{"mediaType":")" + std::string(kOciManifest) +
                            R"(","artifactType":"application/sig","size":1,"digest":")" + Sha256(image) + "\"}]}";
  ASSERT_EQ(PutManifest("a", "sha256-" + std::string(64, '5'), index, kOciIndex).status, 201);
  const auto manifests = nlohmann::json::parse(BodyOf(Send("GET", "/v2/a/referrers/" + subject)))["manifests"];
  ASSERT_EQ(manifests.size(), 1u);
  EXPECT_EQ(manifests[0]["digest"], Sha256(image));
  const auto other = Send("GET", "/v2/a/referrers/" + subject + "?artifactType=other");
  EXPECT_TRUE(nlohmann::json::parse(BodyOf(other))["manifests"].empty());
}

TEST_F(ListingsTest, OddEntriesOfOldClientsTagsAreHarmless) {
  const std::string image = PushImage("a", "v1");
  const std::string subject = "sha512:" + std::string(128, '5');
  const std::string child = R"({"mediaType":")" + std::string(kOciManifest) + R"(","artifactType":5,"size":1,)" +
                            R"("digest":")" + Sha256(image) + "\"}";
  const std::string index = R"({"schemaVersion":2,"manifests":[)" + child + "," + child + "]}";
  // A digest that is longer than tags may be is cut.
  ASSERT_EQ(PutManifest("a", "sha512-" + std::string(64, '5'), index, kOciIndex).status, 201);
  const auto all = Send("GET", "/v2/a/referrers/" + subject);
  EXPECT_EQ(nlohmann::json::parse(BodyOf(all))["manifests"].size(), 1u);
  const auto filtered = Send("GET", "/v2/a/referrers/" + subject + "?artifactType=x");
  EXPECT_EQ(filtered.status, 200);
  EXPECT_TRUE(nlohmann::json::parse(BodyOf(filtered))["manifests"].empty());
}

}  // namespace
}  // namespace portcall::registry
