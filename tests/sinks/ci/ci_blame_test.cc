#include <gmock/gmock.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/sinks/ci/ci_stage.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using portcall::testing::Reply;
using testing::Endpoint;
using testing::PushOf;
using ::testing::StartsWith;

// Whom a refusal is about: the system, one of its projects, the push, or nobody.
using CiBlameTest = CiSinkTest;

TEST_F(CiBlameTest, ARefusalOfOneProjectIsNotThatOfTheSystem) {
  config::Endpoint endpoint = Gitea();
  endpoint.settings = testing::WithRoutes(
      *endpoint.As<CiConfig>(), {{"team/a", {{"token", "revoked"}}}, {"team/**", {{"project", "{{repository}}"}}}});
  MakeGitea(endpoint);
  const auto answered = [this](Reply reply, const std::string& repository) {
    server_.Enqueue(std::move(reply));
    return Deliver(PushOf(repository, "v1"));
  };
  EXPECT_EQ(Trouble(), "");
  for (const int status : {401, 403, 409, 410, 404}) {
    const Outcome outcome = answered(Reply(status), "team/b");
    EXPECT_EQ(outcome.verdict, Verdict::kFailed);
    EXPECT_EQ(outcome.blames, Blames::kPart) << status;
  }
  EXPECT_THAT(Trouble(), StartsWith("1 project fails: team/b by the route team/** (404 Not Found: repository"));
  EXPECT_EQ(answered(Reply(401), "team/a").blames, Blames::kPart);
  EXPECT_THAT(Trouble(), StartsWith("2 projects fail: o/r by the route team/a (401 Unauthorized: the token is wrong)"));
  EXPECT_FALSE(runner_.Call([this] { return sink_->Stalled(); }));
  EXPECT_EQ(answered(Reply(204), "team/b").verdict, Verdict::kDelivered);
  EXPECT_THAT(Trouble(), StartsWith("1 project fails: o/r"));

  for (const int status : {302, 500, 502, 503, 429}) {
    EXPECT_EQ(answered(Reply(status), "team/b").blames, Blames::kEndpoint) << status;
  }
}

TEST_F(CiBlameTest, ATokenThatAllProjectsShareIsThatOfTheSystem) {
  Make(Endpoint("gitea", {{"project", "{{repository}}"}, {"workflow", "w.yml"}, {"token", "revoked"}}));
  EXPECT_EQ(Answered(Reply(401)).blames, Blames::kEndpoint);
  EXPECT_EQ(Trouble(), "") << "no project is named for it";
  EXPECT_EQ(Answered(Reply(403)).blames, Blames::kPart);
}

TEST_F(CiBlameTest, AProjectThatIsGonePausesNoOther) {
  Make(Endpoint("woodpecker", {{"project", "{{repository}}"}, {"token", "t"}}));
  const Outcome looked_up = Answered(Reply(410));
  EXPECT_EQ(looked_up.verdict, Verdict::kFailed);
  EXPECT_EQ(looked_up.blames, Blames::kPart);
  MakeGitea();
  EXPECT_EQ(Answered(Reply(410)).verdict, Verdict::kGone) << "it has one project";
}

TEST_F(CiBlameTest, ALimitIsNobodysFailureAndSaysHowLong) {
  config::Endpoint endpoint =
      Endpoint("github", {{"project", "{{repository}}"}, {"token", "t"}, {"event_type", "image"}});
  endpoint.retry_on_timeout = false;
  using Fields = std::vector<std::pair<std::string, std::string>>;
  const auto at = std::chrono::system_clock::now() + 5min;
  const std::string reset = std::to_string(std::chrono::system_clock::to_time_t(at));
  struct Case {
    int status;
    std::string body;
    Fields fields;
    std::chrono::milliseconds least, most;
  };
  // GitHub's primary limit, its secondary ones with and without a time, GitLab's, Buildkite's.
  for (const Case& limit :
       {Case{403,
             R"({"message":"API rate limit exceeded for user ID 1."})",
             {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", reset}},
             4min,
             6min},
        Case{403,
             R"({"message":"You have exceeded a secondary rate limit."})",
             {{"retry-after", "60"}, {"x-ratelimit-remaining", "4999"}},
             60s,
             60s},
        Case{403,
             R"({"message":"You have exceeded a secondary rate limit."})",
             {{"X-RateLimit-Remaining", "17"}},
             60s,
             60s},
        Case{429, "Retry later\n", {{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", reset}}, 4min, 6min},
        Case{429, "", {{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", "42"}}, 42s, 42s},
        Case{429, "", {{"Retry-After", "7"}}, 7s, 7s}}) {
    Make(endpoint);
    const Outcome outcome = Answered(Reply(limit.status, limit.body, limit.fields));
    EXPECT_EQ(outcome.verdict, Verdict::kFailed);
    EXPECT_EQ(outcome.blames, Blames::kNobody) << limit.body;
    EXPECT_FALSE(outcome.maybe_received) << "so that it is sent again";
    ASSERT_TRUE(outcome.retry_after) << limit.body;
    EXPECT_GE(*outcome.retry_after, limit.least);
    EXPECT_LE(*outcome.retry_after, limit.most);
    EXPECT_THAT(Trouble(), StartsWith("a rate limit was reached (" + outcome.status_text + "): nothing is sent for "));
  }
  EXPECT_EQ(Answered(Reply(204)).verdict, Verdict::kDelivered);
  EXPECT_THAT(Trouble(), StartsWith("a rate limit was reached")) << "the request had left before";
  Make(endpoint);
  EXPECT_EQ(Answered(Reply(429)).blames, Blames::kEndpoint) << "it does not say how long";
  EXPECT_EQ(Answered(Reply(403, "Forbidden", {{"x-ratelimit-remaining", "4999"}, {"x-ratelimit-reset", reset}})).blames,
            Blames::kPart);
}

TEST_F(CiBlameTest, WhatIsWrongWithTheRequestIsThePushsFault) {
  Make(Endpoint("github-workflow", {{"project", "{{repository}}"}, {"workflow", "w.yml"}, {"token", "t"}}));
  EXPECT_EQ(Answered(Reply(422, R"({"message":"No ref found for: gone"})")).verdict, Verdict::kRejected);
  EXPECT_EQ(Answered(Reply(422, R"({"message":"Unexpected inputs provided: [\"x\"]"})")).verdict, Verdict::kRejected);
  Make(Endpoint("gitlab", {{"project", "{{repository}}"}, {"token", "t"}}));
  EXPECT_EQ(Answered(Reply(400, R"({"message":{"base":["Reference not found"]}})")).verdict, Verdict::kRejected);
}

// As GitLab's lib/gitlab/ci/pipeline/chain says it, and GitHub's REST API.
TEST_F(CiBlameTest, WhatPassesOrIsAnOperatorsToMendIsThatOfTheProject) {
  const Reply disabled(400, R"({"message":{"base":["Pipelines are disabled!"]}})");
  Make(Endpoint("gitlab", {{"project", "{{repository}}"}, {"token", "t"}}));
  Outcome outcome = Answered(disabled);
  EXPECT_EQ(outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(outcome.blames, Blames::kPart);
  Make(Endpoint("gitlab", {{"project", "team/deploy"}, {"token", "t"}}));
  outcome = Answered(disabled);
  EXPECT_EQ(outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(outcome.blames, Blames::kEndpoint) << "it has one project";
  Make(Endpoint("github-workflow", {{"project", "{{repository}}"}, {"workflow", "w.yml"}, {"token", "t"}}));
  outcome = Answered(Reply(422, R"({"message":"Cannot trigger a 'workflow_dispatch' on a disabled workflow"})"));
  EXPECT_EQ(outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(outcome.blames, Blames::kPart);
}

TEST_F(CiBlameTest, WhereAllGoesToOneProjectItsRefusalIsThatOfTheSystem) {
  MakeGitea();
  EXPECT_EQ(Answered(Reply(404)).blames, Blames::kEndpoint);
  EXPECT_EQ(Trouble(), "");
  Make(Endpoint("buildkite", {{"organization", "o"}, {"pipeline", "p"}, {"token", "t"}, {"message", "of {{tag}}"}}));
  EXPECT_EQ(Answered(Reply(404)).blames, Blames::kEndpoint) << "a text chooses nothing";
  Make(Endpoint("buildkite", {{"organization", "o"}, {"pipeline", "p"}, {"token", "t"}, {"ref", "{{tag}}"}}));
  EXPECT_EQ(Answered(Reply(404)).blames, Blames::kPart);
  EXPECT_THAT(Trouble(), StartsWith("1 target fails: v1 (404"));
}

TEST_F(CiBlameTest, ALookupThatIsRefusedIsThatOfItsProject) {
  Make(Endpoint("woodpecker", {{"project", "{{repository}}"}, {"token", "t"}}));
  EXPECT_EQ(Answered(Reply(404)).blames, Blames::kPart);
  EXPECT_THAT(Trouble(), StartsWith("1 project fails: team/app (looking up project: answered 404"));
}

TEST_F(CiBlameTest, ALimitThatComesAgainIsWaitedForLonger) {
  MakeGitea();
  const auto wait = [this] {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!Trouble().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
  };
  const auto limited = [&] {
    wait();
    return Answered(Reply(429, "", {{"Retry-After", "0"}}));
  };
  EXPECT_EQ(limited().retry_after, 1s);
  const Outcome again = limited();
  EXPECT_EQ(again.retry_after, 2s);
  EXPECT_EQ(again.blames, Blames::kNobody);
  EXPECT_THAT(Trouble(), ::testing::EndsWith("nothing is sent for 2 s"));
  wait();
  EXPECT_EQ(Answered(Reply(204)).verdict, Verdict::kDelivered);
  EXPECT_EQ(limited().retry_after, 1s);
}

TEST_F(CiBlameTest, WaitsAsLongAsItIsTold) {
  MakeGitea();
  EXPECT_EQ(Answered(Reply(429, "", {{"Retry-After", "7"}})).retry_after, 7s);
  EXPECT_EQ(Answered(Reply(503)).retry_after, std::nullopt);
}

}  // namespace
}  // namespace portcall::sinks
