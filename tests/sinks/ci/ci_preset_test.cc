#include "sinks/ci/ci_preset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/temp_dir.h"

namespace portcall::sinks {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr char kWhole[] = R"(
name: mine
about: Ours.
words:
  project: {required: true, as: path, help: owner/name}
  token: {secret: true}
request:
  path: /build/{{project}}
  json: {ref: main, deep: {number: 3, flag: true, text: '3'}}
variables: {in: json, at: a.b}
success: [200, 202]
hints: {404: nothing there}
)";

std::string Faults(const std::string& text) {
  auto parsed = ParseCiPreset(text, "mine.yml");
  return parsed ? "" : parsed.error().detail;
}
std::string With(std::string text, const std::string& part, const std::string& other) {
  const std::size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return text.replace(at, part.size(), other);
}

TEST(CiPresetTest, EveryPresetOfOursIsRightAndNamedAsItsFile) {
  EXPECT_THAT(CiPresetNames(), IsSupersetOf({"gitlab", "gitlab-webhook", "gitlab-pipeline", "github", "github-workflow",
                                             "jenkins", "jenkins-gwt", "gitea", "forgejo", "woodpecker", "drone",
                                             "tekton", "circleci", "buildkite", "buildbot", "watchtower"}));
  for (const std::string_view name : CiPresetNames()) {
    auto preset = LoadCiPreset(name);
    ASSERT_TRUE(preset) << preset.error().detail;
    EXPECT_EQ((*preset)->name, name);
    EXPECT_THAT((*preset)->about, Not(IsEmpty()));
    for (const CiWord& word : (*preset)->words) EXPECT_THAT(word.help, Not(IsEmpty())) << name << " " << word.name;
  }
}

TEST(CiPresetTest, AnUnknownNameNamesTheNearestAndTheOthers) {
  auto preset = LoadCiPreset("gitae");
  ASSERT_FALSE(preset);
  EXPECT_THAT(preset.error().detail, HasSubstr("did you mean gitea?"));
  EXPECT_THAT(preset.error().detail, HasSubstr("buildbot, buildkite"));
}

TEST(CiPresetTest, AFileOfTheUsersIsReadInTheSameWay) {
  const portcall::testing::TempDir folder;
  const std::string path = folder.File("mine.yml");
  std::ofstream(path) << kWhole << "timeout: 2m\nfiltered: why.not\n";
  auto preset = LoadCiPreset(path);
  ASSERT_TRUE(preset) << preset.error().detail;
  EXPECT_EQ((*preset)->name, "mine");
  EXPECT_EQ((*preset)->timeout, std::chrono::minutes(2));
  EXPECT_THAT((*preset)->filtered, ElementsAre("why", "not"));
  EXPECT_EQ((*preset)->FindWord("project")->shape, CiWord::Shape::kPath);
  EXPECT_TRUE((*preset)->FindWord("token")->secret);
  EXPECT_THAT((*preset)->success, ElementsAre(200, 202));
  EXPECT_THAT((*preset)->variables.at, ElementsAre("a", "b"));
  EXPECT_EQ((*preset)->hints.at(404), "nothing there");
  const CiNode& deep = (*preset)->requests.at(0).json.items.at(1);
  EXPECT_EQ(deep.items.at(0).kind, CiNode::Kind::kNumber);
  EXPECT_EQ(deep.items.at(1).kind, CiNode::Kind::kFlag);
  EXPECT_EQ(deep.items.at(2).kind, CiNode::Kind::kText);
}

TEST(CiPresetTest, AFileThatIsNotThereIsNamed) {
  auto preset = LoadCiPreset("/nowhere/mine.yml");
  ASSERT_FALSE(preset);
  EXPECT_THAT(preset.error().detail, HasSubstr("/nowhere/mine.yml"));
}

TEST(CiPresetTest, FaultsHaveTheirLinesAndComeTogether) {
  std::string text = With(kWhole, "/build/{{project}}", "/build/{{projekt}}");
  text = With(text, "[200, 202]", "[200, 302]");
  text = With(text, "about:", "abuot:");
  const std::string faults = Faults(text);
  EXPECT_THAT(faults, HasSubstr("mine.yml:8:9: error: request.path: {{projekt}} is not known here; did you mean "
                                "{{project}}?"));
  EXPECT_THAT(faults, HasSubstr("success: \"302\" is not a status from 200 to 299"));
  EXPECT_THAT(faults, HasSubstr("mine.yml:3:1: error: abuot: unknown key; did you mean about?"));
}

TEST(CiPresetTest, RefusesWhatCouldNotWork) {
  EXPECT_THAT(Faults(With(kWhole, "name: mine", "")), HasSubstr("name: is missing"));
  EXPECT_THAT(Faults(With(kWhole, "success: [200, 202]", "")), HasSubstr("success: is missing"));
  EXPECT_THAT(Faults(With(kWhole, "path: /build", "path: build")), HasSubstr("begins with /"));
  EXPECT_THAT(Faults(With(kWhole, "/build/{{project}}", "/b?x={{project}}")), HasSubstr("use query"));
  EXPECT_THAT(Faults(With(kWhole, "  token:", "  tag:")), HasSubstr("words.tag: is a key of every endpoint or a word"));
  EXPECT_THAT(Faults(With(kWhole, "  token:", "  timeout:")), HasSubstr("words.timeout: is a key of every endpoint"));
  EXPECT_THAT(Faults(With(kWhole, "in: json, at: a.b", "in: form")), HasSubstr("has no body of this kind"));
  EXPECT_THAT(Faults(With(kWhole, "  json: {", "  form: {a: b}\n  json: {")), HasSubstr("not both"));
  EXPECT_THAT(Faults(With(kWhole, "success:", "lookup: {word: nobody, path: /x, take: id}\nsuccess:")),
              HasSubstr("lookup.word: is not among the words"));
  EXPECT_THAT(Faults(With(kWhole, "  json: {", "  headers: {'a b': x}\n  json: {")), HasSubstr("request.headers: "));
  EXPECT_THAT(Faults(With(kWhole, "about:", "url: ftp://x\nabout:")), HasSubstr("url: "));
  EXPECT_THAT(Faults(With(kWhole, "secret: true", "with: nobody")), HasSubstr("with: \"nobody\" is not among"));
  EXPECT_THAT(Faults(With(kWhole, "path: /build", "method: GET\n  path: /build")), HasSubstr("GET has no body"));
  EXPECT_THAT(Faults(With(kWhole, "hints:", "redirect: {status: 303}\nhints:")), HasSubstr("wants status and to"));
  EXPECT_THAT(Faults(With(kWhole, "hints:", "partly: {status: 500, at: x, equals: y}\nhints:")),
              HasSubstr("wants status, at with a *"));
  EXPECT_THAT(Faults(With(kWhole, "hints:", "answer: {at: x, equals: y}\nhints:")), HasSubstr("wants json: true, or"));
  EXPECT_THAT(Faults("[1, 2]"), HasSubstr("mine.yml:1:1"));
  EXPECT_THAT(Faults("a: {"), HasSubstr("mine.yml:"));
  EXPECT_THAT(Faults(""), Not(IsEmpty()));
}

}  // namespace
}  // namespace portcall::sinks
