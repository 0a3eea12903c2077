#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sinks/ci/ci_preset.h"

namespace portcall::sinks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> Check(std::string_view preset, const CiConfig& config, bool has_url = true) {
  auto loaded = LoadCiPreset(preset);
  if (!loaded) return {loaded.error().detail};
  return CheckCi(**loaded, config, has_url);
}

CiConfig Gitea() {
  CiConfig config;
  config.words = {{"project", "team/app"}, {"workflow", "deploy.yaml"}, {"token", "s3cret"}};
  return config;
}

TEST(CiCheckTest, WhatIsCompleteIsRight) {
  EXPECT_THAT(Check("gitea", Gitea()), IsEmpty());
  CiConfig github;
  github.words = {{"project", "team/app"}, {"token", "s3cret"}};
  EXPECT_THAT(Check("github", github, /*has_url=*/false), IsEmpty());
}

TEST(CiCheckTest, AUrlIsWantedWhereTheSystemHasNone) {
  EXPECT_THAT(Check("gitea", Gitea(), false), ElementsAre(HasSubstr("url is missing")));
}

TEST(CiCheckTest, RequiredWordsAreWantedHereOrInEveryRoute) {
  CiConfig config = Gitea();
  config.words.erase("project");
  EXPECT_THAT(Check("gitea", config), ElementsAre("project is missing: the repository (owner/name)"));
  config.routes = {{"team/*", {{"project", "team/a"}}}, {"other/*", {{"ref", "dev"}}}};
  EXPECT_THAT(Check("gitea", config), ElementsAre(HasSubstr("route \"other/*\": project is missing")));
  config.routes[1].words["project"] = "";
  EXPECT_THAT(Check("gitea", config), ElementsAre(HasSubstr("route \"other/*\": project is missing")));
  config.routes[1].words["project"] = "other/b";
  EXPECT_THAT(Check("gitea", config), IsEmpty());
}

TEST(CiCheckTest, WordsThatBelongTogetherAreWantedTogether) {
  CiConfig config;
  config.words = {{"project", "a"}, {"user", "u"}};
  EXPECT_THAT(Check("jenkins", config), ElementsAre("token is missing, which belongs to user"));
  config.routes = {{"a", {{"token", "t"}}}, {"b", {}}};
  EXPECT_THAT(Check("jenkins", config), ElementsAre(HasSubstr("route \"b\": token is missing, which belongs to user")));
  config.words.erase("user");
  config.words["buildtoken"] = "b";
  config.routes.clear();
  EXPECT_THAT(Check("jenkins", config), IsEmpty());
}

TEST(CiCheckTest, UnknownWordsNameTheNearest) {
  CiConfig config = Gitea();
  config.words["worklfow"] = "x";
  config.routes = {{"**", {{"projet", "x"}}}};
  EXPECT_THAT(Check("gitea", config),
              ElementsAre("\"worklfow\" is no word of gitea; did you mean workflow?",
                          "route \"**\": \"projet\" is no word of gitea; did you mean project?"));
}

TEST(CiCheckTest, TemplatesInWordsAndVariablesAreChecked) {
  CiConfig config = Gitea();
  config.words["ref"] = "{{tga}}";
  config.variables = {{"A", "{{digets}}"}, {"B", "{{tag"}};
  EXPECT_THAT(Check("gitea", config),
              ElementsAre(HasSubstr("ref: {{tga}} is not known here; did you mean {{tag}}?"),
                          HasSubstr("\"A\": {{digets}} is not known here; did you mean {{digest}}?"),
                          HasSubstr("\"B\": {{ without }}")));
}

TEST(CiCheckTest, SecretsAreTakenAsTheyStandAndNeverShown) {
  CiConfig config = Gitea();
  config.words["token"] = "a{{b";
  EXPECT_THAT(Check("gitea", config), IsEmpty());
  config.words["token"] = "hush\nhush";
  EXPECT_THAT(Check("gitea", config), ElementsAre(Not(HasSubstr("hush"))));
}

TEST(CiCheckTest, LimitsOfTheSystemAreChecked) {
  CiConfig config;
  config.words = {{"project", "o/r"}, {"token", "t"}, {"event_type", std::string(101, 'x')}};
  for (int i = 0; i < 10; ++i) config.variables.emplace_back("V" + std::to_string(i), "x");
  EXPECT_THAT(Check("github", config), ElementsAre("event_type has 101 bytes; github takes at most 100",
                                                   HasSubstr("11 with the event's id; github takes at most 10")));
  config.words["event_type"].pop_back();
  config.variables.pop_back();
  EXPECT_THAT(Check("github", config), IsEmpty());

  CiConfig workflow;
  workflow.words = {{"project", "o/r"}, {"token", "t"}, {"workflow", "x.yml"}};
  for (int i = 0; i < 25; ++i) workflow.variables.emplace_back("V" + std::to_string(i), "x");
  EXPECT_THAT(Check("github-workflow", workflow), ElementsAre(HasSubstr("at most 25")));
}

TEST(CiCheckTest, NamesOfVariablesFitTheSystem) {
  CiConfig config;
  config.words = {{"project", "gh/o/r"}, {"token", "t"}, {"eventid", "Event"}};
  config.variables = {{"Tag", "{{tag}}"}, {"tag", "{{tag}}"}, {"tag", "x"}};
  EXPECT_THAT(Check("circleci", config),
              ElementsAre(HasSubstr("eventid: the name \"Event\" is not made of a-z"),
                          HasSubstr("the name \"Tag\" is not made of a-z"), HasSubstr("\"tag\" stands twice")));
  CiConfig buildbot;
  buildbot.variables = {{"repository", "{{repository}}"}, {"tag", "{{tag}}"}};
  EXPECT_THAT(Check("buildbot", buildbot), ElementsAre(HasSubstr("\"repository\" means something else there")));
  CiConfig gitea = Gitea();
  gitea.variables = {{"REGISTRY_EVENT_ID", "mine"}};
  EXPECT_THAT(Check("gitea", gitea), ElementsAre(HasSubstr("is the event's id, which goes along by itself")));
  gitea.words["eventid"] = "EVENT";
  EXPECT_THAT(Check("gitea", gitea), IsEmpty());
  gitea.variables = {{"a]=b", "x"}};
  EXPECT_THAT(Check("gitea", gitea), ElementsAre(HasSubstr("is not made of letters, digits and _")));
}

}  // namespace
}  // namespace portcall::sinks
