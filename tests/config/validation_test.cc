#include "config/differences.h"
#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

UrlRules UrlsOf(const std::string& urls) {
  return Good(Check(kBase + "validation: {manifests: {urls: " + urls + "}}")).validation.urls;
}

TEST(Validation, UrlsFitOneAllowedPatternAndNoDeniedOne) {
  const UrlRules both = UrlsOf("{allow: ['^https?://([^/]+\\.)*example\\.com/'], deny: ['secret']}");
  EXPECT_TRUE(both.Allows("https://example.com/layer"));
  EXPECT_TRUE(both.Allows("http://a.example.com/layer"));
  EXPECT_FALSE(both.Allows("https://example.org/layer"));
  EXPECT_FALSE(both.Allows("https://example.com/secret/layer"));
  EXPECT_FALSE(both.Allows("https://example.org/https://example.com/"));

  const UrlRules denied = UrlsOf("{deny: ['^http://', '\\.internal/']}");
  EXPECT_TRUE(denied.Allows("https://anywhere.example/")) << "without allow all the rest is";
  EXPECT_FALSE(denied.Allows("http://anywhere.example/"));
  EXPECT_FALSE(denied.Allows("https://a.internal/"));
}

TEST(Validation, WithoutPatternsAllIsAllowedAndAnEmptyListAllowsNothing) {
  EXPECT_TRUE(Good(Check(kBase)).validation.urls.Allows("https://example.com/"));
  EXPECT_TRUE(UrlsOf("{}").Allows("https://example.com/"));
  EXPECT_FALSE(UrlsOf("{allow: []}").Allows("https://example.com/"));
  EXPECT_FALSE(UrlsOf("{allow: []}").Allows(""));
}

TEST(Validation, APatternThatIsNoneIsNamed) {
  EXPECT_EQ(Texts(Serve(kBase + "validation: {manifests: {urls: {allow: ['ok', '(a'], deny: ['a{2000}']}}}")),
            "f.yml:4:40: error: validation.manifests.urls.allow: \"(a\" is no regular expression: missing ): (a\n"
            "f.yml:4:60: error: validation.manifests.urls.deny: \"a{2000}\" is no regular expression: invalid "
            "repetition size: {2000}\n");
}

TEST(Validation, IndexesMayBeSparse) {
  using Children = ValidationConfig::Children;
  const auto read = [](const std::string& indexes) {
    return Good(Check(kBase + "validation: {manifests: {indexes: " + indexes + "}}")).validation;
  };
  EXPECT_EQ(Good(Check(kBase)).validation.children, Children::kAll);
  EXPECT_EQ(read("{platforms: all}").children, Children::kAll);
  EXPECT_EQ(read("{platforms: none}").children, Children::kNone);
  const ValidationConfig listed = read("{platforms: list, platformlist: [{os: linux, architecture: amd64}]}");
  EXPECT_EQ(listed.children, Children::kListed);
  EXPECT_EQ(listed.platforms, (std::vector<Platform>{{"linux", "amd64"}}));
  EXPECT_FALSE(Serve(kBase + "validation: {manifests: {indexes: {platforms: some}}}").config);
  EXPECT_FALSE(
      Serve(kBase + "validation: {manifests: {indexes: {platforms: list, platformlist: [{os: linux}]}}}").config);
}

TEST(Validation, DisabledTakesTheOthersOut) {
  const std::string lines = "manifests: {urls: {allow: []}, indexes: {platforms: all}}";
  const ValidationConfig off = Good(Serve(kBase + "validation: {disabled: true, " + lines + "}")).validation;
  EXPECT_TRUE(off.urls.Allows("https://example.com/"));
  EXPECT_EQ(off.children, ValidationConfig::Children::kNone);
  const ValidationConfig on =
      Good(Serve(kBase + "validation: {enabled: true, disabled: true, " + lines + "}")).validation;
  EXPECT_FALSE(on.urls.Allows("https://example.com/")) << "as in Distribution, enabled prevails";
  EXPECT_EQ(on.children, ValidationConfig::Children::kAll);
}

TEST(Validation, CheckSaysWhereAFileMeansSomethingElseHere) {
  const auto differences = [](const std::string& line) {
    return DifferencesFromDistribution(Good(Check(kBase + line))).size();
  };
  EXPECT_EQ(differences(""), 1u);
  EXPECT_EQ(differences("validation: {disabled: true}"), 0u);
  EXPECT_EQ(differences("validation: {manifests: {urls: {allow: []}}}"), 0u);
  EXPECT_EQ(differences("validation: {manifests: {urls: {deny: ['x']}}}"), 0u);
  EXPECT_NE(DifferencesFromDistribution(Good(Check(kBase)))[0].find("validation.manifests.urls: "), std::string::npos);
}

}  // namespace
}  // namespace portcall::config
