#include "sinks/ci/ci_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "sinks/kind.h"
#include "tests/sinks/ci/ci_stage.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using portcall::testing::Reply;
using portcall::testing::SeenRequest;
using testing::Endpoint;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::PushOf;
using ::testing::StartsWith;

TEST_F(CiSinkTest, ASuccessOfThePresetIsDelivered) {
  MakeGitea();
  const Outcome outcome = Answered(Reply(204));
  EXPECT_EQ(outcome.verdict, Verdict::kDelivered);
  EXPECT_EQ(outcome.status_text, "204 No Content");
  EXPECT_THAT(outcome.error, IsEmpty());
  EXPECT_GT(outcome.latency, 0ns);
  const SeenRequest seen = server_.requests().at(0);
  EXPECT_EQ(seen.target, "/api/v1/repos/o/r/actions/workflows/w.yml/dispatches");
  EXPECT_EQ(seen.Field("Content-Length"), std::to_string(seen.body.size()));
}

TEST_F(CiSinkTest, AnotherSuccessIsNone) {
  MakeGitea();
  const Outcome outcome = Answered(Reply(202));
  EXPECT_EQ(outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(outcome.error, "answered 202 Accepted, which is no success for gitea");
}

TEST_F(CiSinkTest, RefusalsAreJudgedByStatusAndExplained) {
  MakeGitea();
  EXPECT_EQ(Answered(Reply(404)).error,
            "404 Not Found: repository, workflow or ref not found, or the token may not see them; a tag is written "
            "refs/tags/NAME");
  EXPECT_EQ(Answered(Reply(404)).verdict, Verdict::kFailed);
  EXPECT_EQ(Answered(Reply(422)).verdict, Verdict::kRejected);
  EXPECT_EQ(Answered(Reply(400)).verdict, Verdict::kRejected);
  EXPECT_EQ(Answered(Reply(410)).verdict, Verdict::kGone);
  EXPECT_EQ(Answered(Reply(500)).error, "500 Internal Server Error");
  const Outcome moved = Answered(Reply(302, "", {{"Location", server_.url("/evil")}}));
  EXPECT_EQ(moved.verdict, Verdict::kFailed);
  EXPECT_THAT(moved.error, HasSubstr("redirect not followed"));
  for (const SeenRequest& seen : server_.requests()) EXPECT_THAT(seen.target, Not(HasSubstr("evil")));
}

TEST_F(CiSinkTest, SecretsAreCutOutOfAnswers) {
  Make(Endpoint("jenkins", {{"project", "a"}, {"user", "admin"}, {"token", "s3cret token"}}));
  const Outcome outcome = Answered(Reply(403, "s3cret token, s3cret%20token, YWRtaW46czNjcmV0IHRva2Vu, rest"));
  EXPECT_EQ(outcome.answer, "***, ***, ***, rest");
  EXPECT_THAT(outcome.error, Not(HasSubstr("s3cret")));
}

TEST_F(CiSinkTest, WhatReferencesBroughtIsShownNowhere) {
  config::Endpoint endpoint =
      Endpoint("gitea", {{"project", "hunter2/{{repository}}"}, {"workflow", "w.yml"}, {"token", "t"}});
  endpoint.hidden = {"hunter2"};
  Make(endpoint);
  EXPECT_EQ(Answered(Reply(404)).blames, Blames::kPart);
  EXPECT_THAT(Trouble(), StartsWith("1 project fails: ***/team/app (404"));
  endpoint.url = "https://127.0.0.1:1";
  endpoint.ca = "/nowhere/hunter2.pem";
  const std::string why = runner_.Call([&] {
    const auto made = MakeSink(endpoint, {runner_.executor(), resolver_, log_, lanes_});
    return made ? std::string() : made.error().detail;
  });
  EXPECT_THAT(why, HasSubstr("/nowhere/***.pem"));
}

TEST_F(CiSinkTest, KnowsWhetherARequestMayHaveArrived) {
  config::Endpoint endpoint = Gitea();
  endpoint.timeout = 200ms;
  MakeGitea(endpoint);
  server_.Enqueue(Reply(204).Held());
  const Outcome late = Deliver();
  EXPECT_EQ(late.status, 0);
  EXPECT_TRUE(late.maybe_received);
  EXPECT_THAT(late.error, Not(IsEmpty()));
  server_.Release();

  endpoint.url = "http://127.0.0.1:1";
  runner_.Call([&] { sink_ = *MakeCi(endpoint, {runner_.executor(), resolver_, log_, lanes_}); });
  const Outcome refused = Deliver();
  EXPECT_EQ(refused.verdict, Verdict::kFailed);
  EXPECT_FALSE(refused.maybe_received);
}

TEST_F(CiSinkTest, WhatMustNotBeSentTwiceIsNot) {
  config::Endpoint endpoint = Gitea();
  endpoint.retry_on_timeout = false;
  MakeGitea(endpoint);
  EXPECT_EQ(Answered(Reply(204)).verdict, Verdict::kDelivered);
  const Outcome cut = Answered(Reply::Raw(""));
  EXPECT_EQ(cut.verdict, Verdict::kFailed);
  EXPECT_TRUE(cut.maybe_received);
  EXPECT_EQ(server_.requests().size(), 2u);
}

TEST_F(CiSinkTest, AnAnswerIsReadWhereItSaysWhetherABuildWasStarted) {
  Make(Endpoint("jenkins-gwt", {{"token", "t"}}));
  EXPECT_EQ(Answered(Reply(200, R"({"jobs":{"a":{"triggered":false},"b":{"triggered":true}}})")).verdict,
            Verdict::kDelivered);
  EXPECT_EQ(Answered(Reply(200, R"({"jobs":{"a":{"triggered":false}}})")).verdict, Verdict::kDelivered);
  EXPECT_EQ(Answered(Reply(200)).verdict, Verdict::kDelivered);
  const Outcome page = Answered(Reply(200, "<html>"));
  EXPECT_EQ(page.verdict, Verdict::kFailed);
  EXPECT_EQ(page.answer, "<html>");
  EXPECT_EQ(Answered(Reply(404)).verdict, Verdict::kFailed);
  const std::string long_one = R"({"jobs":")" + std::string(3 << 20, 'x') + "\"}";
  EXPECT_EQ(Answered(Reply(200, long_one)).verdict, Verdict::kDelivered) << "too long to judge";
}

// Whoever answers so has started the build: it must not be started again.
TEST_F(CiSinkTest, AnAnswerThatIsCutCountsByItsHead) {
  for (const char* preset : {"forgejo", "github-workflow", "drone", "jenkins-gwt", "watchtower"}) {
    const auto loaded = *LoadCiPreset(preset);
    config::Endpoint endpoint =
        Endpoint(preset, testing::WordsOf(*loaded, {{"project", "o/r"}, {"workflow", "w.yml"}, {"token", "t"}}));
    endpoint.timeout = 300ms;
    Make(endpoint);
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
    for (const auto after : {Reply::After::kClose, Reply::After::kReset, Reply::After::kKeepOpen}) {
      const Outcome cut = Answered(Reply::Raw(head + R"({"id": 4)", after));
      EXPECT_EQ(cut.verdict, Verdict::kDelivered) << preset << cut.error;
      EXPECT_EQ(Answered(Reply::Raw(head, after)).verdict, Verdict::kDelivered) << preset;
    }
    const Outcome page = Answered(Reply::Raw(head + "<!doctype html><title>Sign in", Reply::After::kClose));
    EXPECT_EQ(page.verdict, Verdict::kFailed) << preset;
    EXPECT_THAT(page.error, HasSubstr("the answer is no JSON"));
  }
}

TEST_F(CiSinkTest, AnAnswerThatIsCutWithinItsHeadTellsNothing) {
  config::Endpoint endpoint = Endpoint("drone", {{"project", "o/r"}, {"token", "t"}});
  endpoint.retry_on_timeout = false;
  Make(endpoint);
  const Outcome cut = Answered(Reply::Raw("HTTP/1.1 200 OK\r\nContent-Le", Reply::After::kClose));
  EXPECT_EQ(cut.verdict, Verdict::kFailed);
  EXPECT_EQ(cut.status, 0);
  EXPECT_TRUE(cut.maybe_received);
}

TEST_F(CiSinkTest, ALookupThatIsCutIsMadeAgain) {
  Make(Endpoint("woodpecker", {{"project", "o/r"}, {"token", "t"}}));
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
  EXPECT_EQ(Answered(Reply::Raw(head + R"({"id": 4)", Reply::After::kClose)).verdict, Verdict::kFailed);
  server_.Enqueue(Reply(200, R"({"id": 42})"));
  EXPECT_EQ(Answered(Reply(204)).verdict, Verdict::kDelivered);
}

TEST_F(CiSinkTest, WhatIsNotReadIsNotWaitedFor) {
  MakeGitea();
  EXPECT_EQ(Answered(Reply::Raw("HTTP/1.1 204\r\nContent-Length: 5\r\n\r\n")).verdict, Verdict::kDelivered);
  Make(Endpoint("buildbot", {}));
  EXPECT_EQ(Answered(Reply::Raw("HTTP/1.1 200 OK\nContent-Length: 5\n\nok")).verdict, Verdict::kDelivered);
}

TEST_F(CiSinkTest, ANumberIsLookedUpOnceAndAgainAfterAFailure) {
  Make(Endpoint("woodpecker", {{"project", "o/r"}, {"token", "t"}}));
  server_.Enqueue(Reply(200, R"({"id": 42, "full_name": "o/r"})"));
  EXPECT_EQ(Answered(Reply(200)).verdict, Verdict::kDelivered);
  EXPECT_EQ(Answered(Reply(404)).verdict, Verdict::kFailed);
  server_.Enqueue(Reply(200, R"({"id": 43})"));
  EXPECT_EQ(Answered(Reply(204)).verdict, Verdict::kDelivered);
  std::vector<std::string> lines;
  for (const SeenRequest& seen : server_.requests()) lines.push_back(seen.method + " " + seen.target);
  EXPECT_THAT(lines, ::testing::ElementsAre("GET /api/repos/lookup/o/r", "POST /api/repos/42/pipelines",
                                            "POST /api/repos/42/pipelines", "GET /api/repos/lookup/o/r",
                                            "POST /api/repos/43/pipelines"));
}

TEST_F(CiSinkTest, ALookupThatFailsStartsNothing) {
  Make(Endpoint("woodpecker", {{"project", "o/r"}, {"token", "t"}}));
  const Outcome denied = Answered(Reply(401));
  EXPECT_EQ(denied.verdict, Verdict::kFailed);
  EXPECT_EQ(denied.error, "looking up project: answered 401 Unauthorized: the token is wrong");
  EXPECT_FALSE(denied.maybe_received);
  EXPECT_THAT(Answered(Reply(200, "{}")).error, HasSubstr("the answer holds none"));
  EXPECT_EQ(Answered(Reply(204)).verdict, Verdict::kFailed);
  EXPECT_EQ(server_.requests().size(), 3u);
}

TEST_F(CiSinkTest, WhatCannotBeAskedIsADeadLetterAtOnce) {
  config::Endpoint endpoint = Gitea();
  endpoint.settings = testing::WithRoutes(*endpoint.As<CiConfig>(), {{"team/*", {{"project", "o/{{tag}}"}}}});
  MakeGitea(endpoint);
  const Outcome nowhere = Deliver(PushOf("other/app", "v1"));
  EXPECT_EQ(nowhere.verdict, Verdict::kUndeliverable);
  EXPECT_THAT(nowhere.error, HasSubstr("no route"));
  const Outcome upwards = Deliver(PushOf("team/app", ".."));
  EXPECT_EQ(upwards.verdict, Verdict::kUndeliverable);
  EXPECT_FALSE(upwards.maybe_received);
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(CiSinkTest, TakesAsMuchAsItsConcurrency) {
  config::Endpoint endpoint = Gitea();
  endpoint.concurrency = 3;
  MakeGitea(endpoint);
  EXPECT_EQ(sink_->capacity().window, 3u);
  EXPECT_EQ(sink_->capacity().batch, 1u);
  EXPECT_FALSE(sink_->capacity().pipelines_lanes);
}

TEST_F(CiSinkTest, WhatIsWrongIsToldWhenItIsMade) {
  const auto fault = [this](config::Endpoint endpoint) {
    return runner_.Call([&] {
      auto made = MakeCi(endpoint, {runner_.executor(), resolver_, log_, lanes_});
      return made ? std::string() : made.error().detail;
    });
  };
  config::Endpoint endpoint = Gitea();
  endpoint.url = "ftp://x";
  EXPECT_THAT(fault(endpoint), HasSubstr("endpoint builds: the scheme is"));
  endpoint = Gitea();
  endpoint.ca = "/nowhere/ca.pem";
  EXPECT_THAT(fault(endpoint), StartsWith("endpoint builds: "));
  endpoint.settings = nullptr;
  EXPECT_THAT(fault(endpoint), HasSubstr("a preset is wanted"));
}

}  // namespace
}  // namespace portcall::sinks
