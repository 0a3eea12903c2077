#include "sinks/ci/ci_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace portcall::sinks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(CiAnswerTest, OnlyThePresetsOwnStatusesAreSuccesses) {
  for (const std::string_view name : CiPresetNames()) {
    const auto preset = *LoadCiPreset(name);
    for (int status = 200; status < 600; ++status) {
      const Outcome outcome = JudgeCi(*preset, {status, R"({"jobs": {"a": {"triggered": false}}})"});
      const bool success = std::ranges::find(preset->success, status) != preset->success.end();
      EXPECT_EQ(outcome.verdict == Verdict::kDelivered, success) << name << " " << status;
      EXPECT_EQ(outcome.error.empty(), success) << name << " " << status;
      EXPECT_EQ(outcome.status, status);
      EXPECT_THAT(outcome.status_text, StartsWith(std::to_string(status)));
    }
  }
}

TEST(CiAnswerTest, TheEventsFaultsAreRejectedAndTheRestIsTheEndpointsFault) {
  const auto preset = *LoadCiPreset("gitea");
  for (const int status : {400, 413, 415, 422})
    EXPECT_EQ(JudgeCi(*preset, {.status = status}).verdict, Verdict::kRejected);
  for (const int status : {202, 302, 401, 403, 404, 408, 409, 429, 500, 503}) {
    EXPECT_EQ(JudgeCi(*preset, {.status = status}).verdict, Verdict::kFailed) << status;
  }
  EXPECT_EQ(JudgeCi(*preset, {.status = 410}).verdict, Verdict::kGone);
  EXPECT_THAT(JudgeCi(*preset, {.status = 401}).error, HasSubstr("401 Unauthorized: the token is wrong"));
}

TEST(CiAnswerTest, JenkinsSendsToWhatIsQueuedAlreadyAndThatIsASuccess) {
  const auto jenkins = *LoadCiPreset("jenkins");
  const auto verdict = [&](int status, std::string_view location) {
    return JudgeCi(*jenkins, {.status = status, .location = location}).verdict;
  };
  EXPECT_EQ(verdict(303, "https://ci.example/queue/item/7/"), Verdict::kDelivered);
  EXPECT_EQ(verdict(303, "https://ci.example/login?from=x"), Verdict::kFailed);
  EXPECT_EQ(verdict(302, "."), Verdict::kFailed) << "a queue that refuses the job";
  EXPECT_EQ(verdict(302, "https://ci.example/queue/item/7/"), Verdict::kFailed);
}

TEST(CiAnswerTest, WhatTimeOrAnOperatorHealsIsNotTheEventsFault) {
  for (const char* name : {"gitlab", "gitlab-webhook", "gitlab-pipeline"}) {
    const auto gitlab = *LoadCiPreset(name);
    const auto refused = [&](std::string_view why) {
      return JudgeCi(*gitlab, {400, R"({"message":{"base":[")" + std::string(why) + R"("]}})"});
    };
    const Outcome busy = refused("Too many pipelines created in the last minute. Try again later.");
    EXPECT_EQ(busy.verdict, Verdict::kFailed) << name;
    EXPECT_THAT(busy.error, HasSubstr("400 Bad Request: Too many pipelines"));
    const Outcome restricted = refused("Insufficient permissions to set pipeline variables");
    EXPECT_EQ(restricted.verdict, Verdict::kFailed) << name;
    EXPECT_THAT(restricted.error, HasSubstr("\"Minimum role to use pipeline variables\""));
    EXPECT_THAT(restricted.error, HasSubstr("write inputs in place of variables"));
    for (const char* why :
         {"Project exceeded the allowed number of jobs in active pipelines. Retry later.",
          "Insufficient permissions to create a new pipeline", "Pipelines are disabled!",
          "You do not have sufficient permission to run a pipeline on 'main'. Please select a different branch or "
          "contact your administrator for assistance.",
          "Identity verification is required in order to run CI jobs",
          "Credit card required to be on file in order to run CI jobs",
          "Remote file `https://ci.example/x.yml` could not be fetched because of a timeout error!",
          "Remote file `https://ci.example/x.yml` could not be fetched because of HTTP code `503` error!",
          "Remote file `https://ci.example/x.yml` could not be fetched because of HTTP error!",
          "Remote file could not be fetched because Connection refused - connect(2) for 10.0.0.7:443!",
          "Request timed out when fetching configuration files.",
          "Project `team/ci` not found or access denied! Make sure any includes in the pipeline configuration are "
          "correctly defined."}) {
      EXPECT_EQ(refused(why).verdict, Verdict::kFailed) << name << ": " << why;
    }
    EXPECT_EQ(refused("Reference not found").verdict, Verdict::kRejected) << name;
  }
}

TEST(CiAnswerTest, GenericWebhookTriggerMayBeSilentAndMayFilter) {
  const auto gwt = *LoadCiPreset("jenkins-gwt");
  const auto judged = [&](std::string_view body) { return JudgeCi(*gwt, {200, body}); };
  EXPECT_EQ(judged("").verdict, Verdict::kDelivered);
  EXPECT_EQ(judged("\n").verdict, Verdict::kDelivered);
  EXPECT_EQ(judged(R"({"jobs":{"a":{"triggered":false}},"message":"Triggered jobs."})").verdict, Verdict::kDelivered);
  for (const char* body : {"<html>Please log in</html>", "{\"jobs\":"}) {
    EXPECT_EQ(judged(body).verdict, Verdict::kFailed) << body;
    EXPECT_THAT(judged(body).error, HasSubstr("the answer is no JSON"));
  }
}

TEST(CiAnswerTest, WhatStartedSomeJobsIsNotSentAgain) {
  const auto gwt = *LoadCiPreset("jenkins-gwt");
  const CiReply some{
      500, R"({"jobs":{"a":{"triggered":true},"b":{"triggered":false},"c":"java.lang.IllegalStateException"},)"
           R"("message":"There were errors when triggering jobs."})"};
  EXPECT_EQ(JudgeCi(*gwt, some).verdict, Verdict::kDelivered);
  EXPECT_THAT(NotStarted(*gwt, some), ElementsAre("b", "c"));
  for (const CiReply& none :
       {CiReply{500, R"({"jobs":{"b":{"triggered":false},"c":"x"}})"}, CiReply{500, "<html>true</html>"},
        CiReply{503, some.body}, CiReply{500, R"({"jobs":{"a":{"triggered":true}})"}}) {
    EXPECT_EQ(JudgeCi(*gwt, none).verdict, Verdict::kFailed) << none.body;
    EXPECT_THAT(NotStarted(*gwt, none), IsEmpty());
  }
  EXPECT_THAT(NotStarted(*gwt, {200, some.body}), IsEmpty()) << "filters may drop a push";
}

TEST(CiAnswerTest, AWebPageIsNoBuild) {
  for (const char* name : {"forgejo", "drone", "woodpecker", "github-workflow", "watchtower"}) {
    const auto preset = *LoadCiPreset(name);
    const Outcome page = JudgeCi(*preset, {200, "<!doctype html><title>Sign in</title>"});
    EXPECT_EQ(page.verdict, Verdict::kFailed) << name;
    EXPECT_THAT(page.error, HasSubstr("the answer is no JSON")) << name;
    EXPECT_EQ(JudgeCi(*preset, {200, R"({"id": 7})"}).verdict, Verdict::kDelivered) << name;
  }
  const auto gitea = *LoadCiPreset("gitea");
  EXPECT_EQ(JudgeCi(*gitea, {200, "<!doctype html>"}).verdict, Verdict::kFailed);
  EXPECT_EQ(JudgeCi(*gitea, {.status = 204}).verdict, Verdict::kDelivered);
}

TEST(CiAnswerTest, CircleCiMayStartNothingOnPurpose) {
  const auto circleci = *LoadCiPreset("circleci");
  const auto judged = [&](int status, std::string_view body) { return JudgeCi(*circleci, {status, body}); };
  const Outcome skipped = judged(200, R"({"message": "The pipeline was skipped: [skip ci]"})");
  EXPECT_EQ(skipped.verdict, Verdict::kDelivered);
  EXPECT_THAT(skipped.error, IsEmpty());
  EXPECT_EQ(judged(201, R"({"id": "x", "number": 1})").verdict, Verdict::kDelivered);
  for (const char* body : {"", "{}", "<html>message</html>"}) {
    EXPECT_EQ(judged(200, body).verdict, Verdict::kFailed) << body;
  }
  EXPECT_EQ(judged(201, "<html>").verdict, Verdict::kFailed);
  EXPECT_EQ(judged(400, R"({"message": "no such branch"})").verdict, Verdict::kRejected);
}

TEST(CiAnswerTest, BuildbotTakesAChangeWithEitherStatus) {
  const auto buildbot = *LoadCiPreset("buildbot");
  for (const int status : {200, 202}) EXPECT_EQ(JudgeCi(*buildbot, {.status = status}).verdict, Verdict::kDelivered);
}

TEST(CiAnswerTest, AnAnswerThatLacksWhatAPresetLooksForIsRejected) {
  CiPreset preset;
  preset.name = "mine";
  preset.success = {200};
  preset.answer = {.at = {"started"}, .equals = "true", .complaint = "nothing was started"};
  const auto judged = [&](std::string_view body) { return JudgeCi(preset, {200, body}); };
  EXPECT_EQ(judged(R"({"started": true})").verdict, Verdict::kDelivered);
  EXPECT_EQ(judged(R"({"started": false})").verdict, Verdict::kRejected);
  EXPECT_EQ(judged(R"({"started": false})").error, "200 OK: nothing was started");
  EXPECT_EQ(judged("").verdict, Verdict::kFailed);
  EXPECT_EQ(JudgeCi(preset, {.status = 200, .body = R"({"started": tr)", .cut = true}).verdict, Verdict::kDelivered);
}

TEST(CiAnswerTest, FindsValuesInAnswers) {
  EXPECT_THAT(ValuesAt(R"({"id": 42})", {"id"}), ElementsAre("42"));
  EXPECT_THAT(ValuesAt(R"({"a": {"id": "x"}})", {"a", "id"}), ElementsAre("x"));
  EXPECT_THAT(ValuesAt(R"({"a": [{"id": true}, {"no": 1}, {"id": false}]})", {"a", "*", "id"}),
              ElementsAre("true", "false"));
  EXPECT_THAT(ValuesAt(R"({"id": {}})", {"id"}), IsEmpty());
  EXPECT_THAT(ValuesAt(R"({"id": 1})", {"id", "*"}), IsEmpty());
  EXPECT_THAT(ValuesAt("[1]", {"id"}), IsEmpty());
  EXPECT_THAT(ValuesAt("{\"id\": 4", {"id"}), IsEmpty());
  EXPECT_THAT(ValuesAt("", {"id"}), IsEmpty());
  EXPECT_THAT(ValuesAt(std::string(60'000, '['), {"id"}), IsEmpty());
  EXPECT_THAT(ValuesAt(std::string(30'000, '[') + std::string(30'000, ']'), {"*", "id"}), IsEmpty());
}

}  // namespace
}  // namespace portcall::sinks
