#include "registry/catalog/manifest.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

namespace portcall::registry {
namespace {

constexpr std::string_view kOci = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kIndex = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view kDocker = "application/vnd.docker.distribution.manifest.v2+json";

std::string Digest(char c) { return "sha256:" + std::string(64, c); }
std::string Descriptor(char c, const std::string& more = {}) {
  return R"({"mediaType":"application/x","size":3,"digest":")" + Digest(c) + "\"" + more + "}";
}
std::string Image(const std::string& more = {}) {
  return R"({"schemaVersion":2,"config":)" + Descriptor('a') + more + "}";
}

void ExpectInvalid(std::string_view type, const std::string& bytes, const ManifestRules& rules = {}) {
  const auto manifest = ParseManifest(type, bytes, rules);
  ASSERT_FALSE(manifest) << bytes.substr(0, 200);
  EXPECT_EQ(manifest.error().code, Errc::kInvalid);
  EXPECT_FALSE(manifest.error().detail.empty());
}

TEST(Manifest, AnImageNamesItsConfigAndLayersInOrder) {
  const auto manifest =
      ParseManifest(kOci, Image(R"(,"layers":[)" + Descriptor('b') + "," + Descriptor('c') + "]"), {});
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->blobs, (std::vector{Digest('a'), Digest('b'), Digest('c')}));
  ASSERT_EQ(manifest->references.size(), 3u);
  EXPECT_EQ(manifest->references[2].digest, Digest('c'));
  EXPECT_EQ(manifest->references[0].size, 3);
  EXPECT_TRUE(manifest->children.empty());
  EXPECT_EQ(manifest->artifact_type, "application/x") << "the config's type stands in";
}

TEST(Manifest, LayersMayBeEmptyOrMissing) {
  EXPECT_TRUE(ParseManifest(kOci, Image(), {}));
  EXPECT_TRUE(ParseManifest(kOci, Image(R"(,"layers":[])"), {}));
  EXPECT_TRUE(ParseManifest(kOci, Image(R"(,"layers":null)"), {}));
}

TEST(Manifest, AnIndexNamesItsChildren) {
  const auto index = ParseManifest(kIndex,
                                   R"({"schemaVersion":2,"artifactType":"application/sig","manifests":[)" +
                                       Descriptor('b', R"(,"platform":{"architecture":"amd64","os":"linux"})") +
                                       R"(],"annotations":{"k":"v"}})",
                                   {});
  ASSERT_TRUE(index);
  EXPECT_EQ(index->children, std::vector{Digest('b')});
  EXPECT_TRUE(index->blobs.empty());
  EXPECT_EQ(index->references[0].platform, R"({"architecture":"amd64","os":"linux"})");
  EXPECT_EQ(index->artifact_type, "application/sig");
  EXPECT_EQ(index->annotations, R"({"k":"v"})");
}

TEST(Manifest, SubjectAndArtifactType) {
  const auto manifest =
      ParseManifest(kOci, Image(R"(,"artifactType":"application/sbom","subject":)" + Descriptor('d')), {});
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->subject, Digest('d'));
  EXPECT_EQ(manifest->artifact_type, "application/sbom");
  EXPECT_EQ(manifest->references.size(), 1u) << "a subject is no content";
}

TEST(Manifest, TheMediaTypeInsideMustAgree) {
  EXPECT_TRUE(ParseManifest(kOci, Image(R"(,"mediaType":"application/vnd.oci.image.manifest.v1+json")"), {}));
  ExpectInvalid(kOci, Image(R"(,"mediaType":"application/vnd.oci.image.index.v1+json")"));
  ExpectInvalid(kDocker, Image());
  EXPECT_TRUE(ParseManifest(kDocker, Image(",\"mediaType\":\"" + std::string(kDocker) + "\""), {}));
  ExpectInvalid("application/x-foo", Image());
  ExpectInvalid("", Image());
}

TEST(Manifest, OneDocumentIsNeverBothImageAndIndex) {
  ExpectInvalid(kOci, Image(R"(,"manifests":[])"));
  ExpectInvalid(kIndex, R"({"schemaVersion":2,"manifests":[],"layers":[]})");
  ExpectInvalid(kIndex, Image(R"(,"manifests":[])"));
}

TEST(Manifest, Schema1IsNamedInTheRefusal) {
  const auto manifest = ParseManifest("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}", {});
  ASSERT_FALSE(manifest);
  EXPECT_NE(manifest.error().detail.find("schema 1"), std::string::npos);
}

ManifestRules Urls(std::optional<config::UrlRules::Patterns> allow, config::UrlRules::Patterns deny = {}) {
  ManifestRules rules;
  rules.urls = config::UrlRules(std::move(allow), std::move(deny));
  return rules;
}

TEST(Manifest, UrlsArePolicy) {
  const std::string foreign = R"({"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","size":1,)"
                              R"("digest":")" +
                              Digest('b') + R"(","urls":["https://example.com/layer"]})";
  const std::string image = Image(R"(,"layers":[)" + foreign + "]");
  ExpectInvalid(kOci, image, Urls(config::UrlRules::Patterns()));
  ExpectInvalid(kOci, image, Urls({{"^https://example.org/"}}));
  ExpectInvalid(kOci, image, Urls(std::nullopt, {"example"}));
  for (const ManifestRules& rules : {ManifestRules(), Urls({{"^https://example.com/"}}), Urls(std::nullopt, {"org"})}) {
    const auto allowed = ParseManifest(kOci, image, rules);
    ASSERT_TRUE(allowed);
    EXPECT_EQ(allowed->blobs, std::vector{Digest('a')}) << "a layer kept elsewhere need not be here";
    EXPECT_EQ(allowed->references.size(), 2u);
  }
  // Ordinary layers must be here, wherever else they are too.
  const auto ordinary = ParseManifest(
      kOci, Image(R"(,"layers":[)" + Descriptor('b', R"(,"urls":["https://example.com/layer"])") + "]"), {});
  ASSERT_TRUE(ordinary);
  EXPECT_EQ(ordinary->blobs.size(), 2u);
}

TEST(Manifest, AddressesAreJudgedOnlyWhereThereAreRules) {
  const auto with = [](const std::string& url) {
    return Image(R"(,"layers":[)" + Descriptor('b', R"(,"urls":[")" + url + R"("])") + "]");
  };
  for (const char* url :
       {"file:///etc/passwd", "https://example.com/#part", "example.com/layer", "ipfs://abc", "https", ""}) {
    EXPECT_TRUE(ParseManifest(kOci, with(url), {})) << url;
    ExpectInvalid(kOci, with(url), Urls({{".*"}}));
    ExpectInvalid(kOci, with(url), Urls(std::nullopt, {"nobody"}));
  }
  for (const char* url : {"https://example.com/a", "HTTPS://example.com/a", "Http://example.com/"}) {
    EXPECT_TRUE(ParseManifest(kOci, with(url), {})) << url;
    EXPECT_TRUE(ParseManifest(kOci, with(url), Urls({{"example.com"}}))) << url;
  }
  ExpectInvalid(kOci, Image(R"(,"layers":[)" + Descriptor('b', R"(,"urls":[7])") + "]"));
  ExpectInvalid(kOci, Image(R"(,"layers":[)" + Descriptor('b', R"(,"urls":"https://h/")") + "]"));
}

TEST(Manifest, AnnotationsAreTextsWhereverTheyStand) {
  for (const char* annotations : {R"({"a":1})", R"({"a":["b"]})", R"({"a":{}})", R"(["a"])", R"("a")", "7"}) {
    const std::string member = std::string(R"(,"annotations":)") + annotations;
    ExpectInvalid(kOci, Image(member));
    ExpectInvalid(kOci, Image(R"(,"layers":[)" + Descriptor('b', member) + "]"));
    ExpectInvalid(kOci, Image(R"(,"subject":)" + Descriptor('b', member)));
    ExpectInvalid(kOci, R"({"schemaVersion":2,"config":)" + Descriptor('a', member) + "}");
    ExpectInvalid(kIndex, R"({"schemaVersion":2,"manifests":[)" + Descriptor('b', member) + "]}");
  }
  const std::string fits = R"(,"annotations":{"b":"\u0001\"","a":null})";
  const auto manifest = ParseManifest(kOci, Image(fits + R"(,"layers":[)" + Descriptor('b', fits) + "]"), {});
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->annotations, R"({"b":"\u0001\"","a":""})") << "a null is an empty text to Go";
  EXPECT_EQ(ParseManifest(kOci, Image(R"(,"annotations":{})"), {})->annotations, "");
  EXPECT_EQ(ParseManifest(kOci, Image(R"(,"annotations":null)"), {})->annotations, "");
}

TEST(Manifest, OfAPlatformIsKeptWhatOthersKnow) {
  const auto platform_of = [](const std::string& platform) {
    const auto index = ParseManifest(
        kIndex, R"({"schemaVersion":2,"manifests":[)" + Descriptor('b', ",\"platform\":" + platform) + "]}", {});
    return index ? index->references[0].platform : "refused";
  };
  EXPECT_EQ(platform_of(R"({"os.features":["a","\""],"x":[{"os":1}],"os.version":"1","variant":null,"features":[]})"),
            R"({"os.features":["a","\""],"os.version":"1","features":[]})");
  EXPECT_EQ(platform_of("{}"), "{}");
  EXPECT_EQ(platform_of("null"), "");
  for (const char* wrong : {"[]", R"({"os":7})", R"({"os.features":"a"})", R"({"os.features":[1]})"}) {
    EXPECT_EQ(platform_of(wrong), "refused") << wrong;
  }
}

TEST(Manifest, TheRulesSayWhichChildrenMustBeThere) {
  const std::string index =
      R"({"schemaVersion":2,"manifests":[)" + Descriptor('b', R"(,"platform":{"architecture":"amd64","os":"linux"})") +
      "," + Descriptor('c', R"(,"platform":{"architecture":"arm64","os":"linux"})") + "," + Descriptor('d') + "]}";
  ManifestRules rules;
  EXPECT_EQ(ParseManifest(kIndex, index, rules)->children.size(), 3u);
  rules.children = ManifestRules::Children::kNone;
  EXPECT_TRUE(ParseManifest(kIndex, index, rules)->children.empty());
  rules.children = ManifestRules::Children::kListed;
  rules.platforms = {{"linux", "arm64"}, {"windows", "amd64"}};
  const auto listed = ParseManifest(kIndex, index, rules);
  EXPECT_EQ(listed->children, std::vector{Digest('c')});
  EXPECT_EQ(listed->references.size(), 3u);
  ExpectInvalid(
      kIndex, R"({"schemaVersion":2,"manifests":[)" + Descriptor('b', R"(,"platform":{"os":["linux"]})") + "]}", rules);
}

TEST(Manifest, KeysThatGoWouldReadOtherwiseAreRefused) {
  for (const char* more : {R"(,"Layers":[])", R"(,"LAYERS":[])", R"(,"Config":{})", R"(,"schemaversion":2)",
                           R"(,"MediaType":"x")", ",\"layer\u017f\":[]", R"(,"Manifests":[])"}) {
    ExpectInvalid(kOci, Image(more));
  }
  ExpectInvalid(kOci, Image(R"(,"layers":[)" + Descriptor('b', R"(,"Digest":"x")") + "]"));
  ExpectInvalid(kOci, Image(R"(,"layers":[)" + Descriptor('b', R"(,"Urls":["https://h/"])") + "]"));
  ExpectInvalid(kIndex,
                R"({"schemaVersion":2,"manifests":[)" + Descriptor('b', R"(,"platform":{"OS":"linux"})") + "]}");
  EXPECT_TRUE(ParseManifest(kOci, Image(R"(,"annotations":{"Config":"a","config":"b"})"), {}))
      << "an annotation's name is its author's";
  EXPECT_TRUE(ParseManifest(kOci, Image(R"(,"x":{"Layers":1,"layers":2})"), {})) << "what nobody reads";
}

TEST(Manifest, AKeyThatStandsTwiceIsRefused) {
  ExpectInvalid(kOci, Image(R"(,"layers":[],"layers":[])"));
  ExpectInvalid(kOci, Image(R"(,"annotations":{"a":"1","a":"2"})"));
  ExpectInvalid(kOci, Image(R"(,"x":[{"y":{"z":1,"z":1}}])"));
  EXPECT_TRUE(ParseManifest(kOci, Image(R"(,"x":[{"y":1},{"y":1}],"y":{"x":{}})"), {}));
}

TEST(Manifest, HostileDocumentsAreRefused) {
  for (const std::string bytes :
       {"", "not json", "[]", "null", "1", "\"x\"", "{", R"({"schemaVersion":2})", R"({"schemaVersion":"2"})",
        R"({"schemaVersion":1,"config":{}})", R"({"schemaVersion":2,"config":[]})",
        R"({"schemaVersion":2,"config":{}})", R"({"schemaVersion":2,"config":{"digest":"sha256:x","size":1}})",
        "{\"schemaVersion\":2,\"x\":\"\xff\xfe\"}"}) {
    ExpectInvalid(kOci, bytes);
  }
  ExpectInvalid(kOci, Image(R"(,"layers":{})"));
  ExpectInvalid(kOci, Image(R"(,"layers":[1])"));
  ExpectInvalid(kOci, Image(R"(,"annotations":{"k":1})"));
  ExpectInvalid(kOci, Image(R"(,"annotations":[])"));
  ExpectInvalid(kOci, Image(R"(,"artifactType":7)"));
  ExpectInvalid(kOci, Image(R"(,"subject":"x")"));
  ExpectInvalid(kOci, Image() + "trailing");
  for (const char* size : {"-1", "1.5", "\"3\"", "18446744073709551615", "1e99", "null"}) {
    const std::string layer = std::string(R"({"mediaType":"x","digest":")") + Digest('b') + R"(","size":)" + size + "}";
    ExpectInvalid(kOci, Image(R"(,"layers":[)" + layer + "]"));
  }
}

TEST(Manifest, DeepNestingDoesNotExhaustTheStack) {
  const std::string deep = std::string(2'000'000, '[') + std::string(2'000'000, ']');
  ExpectInvalid(kOci, Image(",\"x\":" + deep));
  // Brackets in strings do not nest.
  EXPECT_TRUE(ParseManifest(kOci, Image(R"(,"x":"\")" + std::string(1000, '[') + "\""), {}));
}

TEST(Manifest, ContentTypesLoseTheirParameters) {
  EXPECT_EQ(MediaTypeOf("Application/Json ; charset=utf-8"), "application/json");
  EXPECT_EQ(MediaTypeOf(""), "");
}

}  // namespace
}  // namespace portcall::registry
