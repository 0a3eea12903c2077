#include <nlohmann/json.hpp>

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
