#include "sinks/ci/ci_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/bytes.h"
#include "sinks/http/redactor.h"
#include "tests/sinks/ci/ci_world.h"

namespace portcall::sinks {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;
using Json = nlohmann::json;
using testing::Endpoint;
using testing::PushOf;
using testing::Sent;
using testing::WordsOf;

CiRequests Requests(const config::Endpoint& endpoint) {
  auto url = http::ParseUrl(endpoint.url);
  EXPECT_TRUE(url);
  auto made = CiRequests::Make(endpoint, *url);
  EXPECT_TRUE(made) << made.error().detail;
  return *std::move(made);
}

Sent Send(const config::Endpoint& endpoint, const store::Event& event, const std::string& looked_up = "") {
  const CiRequests requests = Requests(endpoint);
  auto call = requests.Request(event, requests.RouteOf(event.repository).value_or(0), looked_up);
  EXPECT_TRUE(call) << call.error().detail;
  return call ? testing::Taken(*call) : Sent();
}

std::string Refusal(const config::Endpoint& endpoint, const store::Event& event) {
  const CiRequests requests = Requests(endpoint);
  auto call = requests.Request(event, 0, "");
  return call ? "" : call.error().detail;
}

TEST(CiRequestTest, GitLabTrigger) {
  const Sent sent =
      Send(Endpoint("gitlab", {{"project", "group/sub/app"}, {"token", "t&k"}}), PushOf("team/app", "v1"));
  EXPECT_EQ(sent.line, "POST /base/api/v4/projects/group%2Fsub%2Fapp/trigger/pipeline HTTP/1.1");
  EXPECT_EQ(sent.Field("Host"), "ci.example:8443");
  EXPECT_EQ(sent.Field("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(sent.Field("User-Agent"), "Portcall/0.1.0");
  EXPECT_THAT(sent.Form(),
              ::testing::ElementsAre(
                  Pair("token", "t&k"), Pair("ref", "main"), Pair("variables[REGISTRY_REPOSITORY]", "team/app"),
                  Pair("variables[REGISTRY_TAG]", "v1"), Pair("variables[REGISTRY_DIGEST]", "sha256:aa"),
                  Pair("variables[REGISTRY_IMAGE]", "reg.example/team/app:v1"),
                  Pair("variables[REGISTRY_ACTOR]", "robot"), Pair("variables[REGISTRY_EVENT_ID]", "id-1")));
}

TEST(CiRequestTest, GitLabWebhookAndPipeline) {
  config::Endpoint endpoint = Endpoint("gitlab-webhook", {{"project", "42"}, {"ref", "a/b"}, {"token", "t"}});
  endpoint.settings = testing::WithVariables(*endpoint.As<CiConfig>(), {{"TAG", "{{tag}}"}});
  const Sent hook = Send(endpoint, PushOf("team/app", "v1"));
  EXPECT_EQ(hook.line,
            "POST /base/api/v4/projects/42/ref/a%2Fb/trigger/pipeline?token=t&variables%5BTAG%5D=v1&"
            "variables%5BREGISTRY_EVENT_ID%5D=id-1 HTTP/1.1");
  EXPECT_EQ(Json::parse(hook.body).at("digest"), "sha256:aa");

  endpoint = Endpoint("gitlab-pipeline", {{"project", "42"}, {"token", "t"}});
  endpoint.settings = testing::WithVariables(*endpoint.As<CiConfig>(), {{"TAG", "{{tag}}"}});
  const Sent pipeline = Send(endpoint, PushOf("team/app", "v1"));
  EXPECT_EQ(pipeline.line, "POST /base/api/v4/projects/42/pipeline HTTP/1.1");
  EXPECT_EQ(pipeline.Field("PRIVATE-TOKEN"), "t");
  EXPECT_EQ(Json::parse(pipeline.body), Json::parse(R"({"ref": "main", "variables": [
      {"key": "TAG", "value": "v1"}, {"key": "REGISTRY_EVENT_ID", "value": "id-1"}]})"));
}

TEST(CiRequestTest, GitLabTakesInputsInPlaceOfVariables) {
  const auto with_inputs = [](const std::string& preset) {
    config::Endpoint endpoint = Endpoint(preset, {{"project", "42"}, {"token", "t"}});
    CiConfig ci = *endpoint.As<CiConfig>();
    ci.as_inputs = true;
    endpoint.settings = testing::WithVariables(std::move(ci), {{"image-tag", "{{tag}}"}});
    return endpoint;
  };
  EXPECT_THAT(Send(with_inputs("gitlab"), PushOf("team/app", "v1")).Form(),
              ::testing::ElementsAre(Pair("token", "t"), Pair("ref", "main"), Pair("inputs[image-tag]", "v1"),
                                     Pair("inputs[registry_event_id]", "id-1")));
  EXPECT_THAT(Send(with_inputs("gitlab-webhook"), PushOf("team/app", "v1")).Query(),
              ::testing::ElementsAre(Pair("token", "t"), Pair("inputs[image-tag]", "v1"),
                                     Pair("inputs[registry_event_id]", "id-1")));
  EXPECT_EQ(Json::parse(Send(with_inputs("gitlab-pipeline"), PushOf("team/app", "v1")).body),
            Json::parse(R"({"ref": "main", "inputs": {"image-tag": "v1", "registry_event_id": "id-1"}})"));
}

TEST(CiRequestTest, GitHubDispatchAndWorkflow) {
  const Sent sent = Send(Endpoint("github", {{"project", "o/r"}, {"token", "t"}}), PushOf("team/app", "v1"));
  EXPECT_EQ(sent.line, "POST /base/repos/o/r/dispatches HTTP/1.1");
  EXPECT_EQ(sent.Field("Authorization"), "Bearer t");
  EXPECT_EQ(sent.Field("Accept"), "application/vnd.github+json");
  EXPECT_EQ(sent.Field("X-GitHub-Api-Version"), "2022-11-28");
  const Json body = Json::parse(sent.body);
  EXPECT_EQ(body.at("event_type"), "image_pushed");
  EXPECT_EQ(body.at("client_payload").size(), 6u);
  EXPECT_EQ(body.at("client_payload").at("REGISTRY_EVENT_ID"), "id-1");

  const Sent run = Send(
      Endpoint("github-workflow", {{"project", "o/r"}, {"workflow", "x.yml"}, {"token", "t"}, {"eventid", "event"}}),
      PushOf("team/app", "v1"));
  EXPECT_EQ(run.line, "POST /base/repos/o/r/actions/workflows/x.yml/dispatches HTTP/1.1");
  EXPECT_EQ(Json::parse(run.body).at("inputs").at("event"), "id-1");
}

TEST(CiRequestTest, JenkinsFoldersAndItsTwoTokens) {
  config::Endpoint endpoint = Endpoint("jenkins", {{"project", "a/b c"}, {"user", "u"}, {"token", "api"}});
  endpoint.settings = testing::WithVariables(*endpoint.As<CiConfig>(), {{"TAG", "{{tag}}"}});
  const Sent sent = Send(endpoint, PushOf("team/app", "v1"));
  EXPECT_EQ(sent.line, "POST /base/job/a/job/b%20c/buildWithParameters?TAG=v1&REGISTRY_EVENT_ID=id-1 HTTP/1.1");
  EXPECT_EQ(sent.Field("Authorization"), "Basic " + runtime::Base64("u:api"));
  EXPECT_THAT(sent.body, IsEmpty());

  const Sent other = Send(Endpoint("jenkins", {{"project", "a"}, {"buildtoken", "b&t"}}), PushOf("team/app", "v1"));
  EXPECT_THAT(other.line, StartsWith("GET /base/job/a/buildWithParameters?token=b%26t&REGISTRY_REPOSITORY="));
  EXPECT_THAT(other.Field("Authorization"), IsEmpty());
}

TEST(CiRequestTest, JenkinsGenericTrigger) {
  const Sent sent = Send(Endpoint("jenkins-gwt", {{"token", "t"}}), PushOf("team/app", "v1"));
  EXPECT_EQ(sent.line, "POST /base/generic-webhook-trigger/invoke HTTP/1.1");
  EXPECT_EQ(sent.Field("token"), "t");
  const Json body = Json::parse(sent.body);
  EXPECT_EQ(body.at("repository"), "team/app");
  EXPECT_EQ(body.at("REGISTRY_EVENT_ID"), "id-1");
}

TEST(CiRequestTest, GiteaAndForgejo) {
  for (const char* preset : {"gitea", "forgejo"}) {
    config::Endpoint endpoint = Endpoint(preset, {{"project", "o/r"}, {"workflow", "x.yml"}, {"token", "t"}});
    endpoint.settings = testing::WithVariables(*endpoint.As<CiConfig>(), {{"tag", "{{tag}}"}});
    const Sent sent = Send(endpoint, PushOf("team/app", "v1"));
    EXPECT_EQ(sent.line, "POST /base/api/v1/repos/o/r/actions/workflows/x.yml/dispatches HTTP/1.1");
    EXPECT_EQ(sent.Field("Authorization"), "token t");
    EXPECT_EQ(sent.Field("Content-Type"), "application/json");
    EXPECT_EQ(Json::parse(sent.body),
              Json::parse(R"({"ref": "main", "inputs": {"tag": "v1", "REGISTRY_EVENT_ID": "id-1"}})"));
  }
}

TEST(CiRequestTest, WoodpeckerAsksForANumberUnlessItIsOne) {
  const config::Endpoint named = Endpoint("woodpecker", {{"project", "o/r"}, {"token", "t"}});
  const CiRequests requests = Requests(named);
  EXPECT_EQ(requests.Unresolved(PushOf("team/app", "v1"), 0), "o/r");
  const Sent lookup = testing::Taken(*requests.Lookup(PushOf("team/app", "v1"), 0));
  EXPECT_EQ(lookup.line, "GET /base/api/repos/lookup/o/r HTTP/1.1");
  EXPECT_EQ(lookup.Field("Authorization"), "Bearer t");
  const Sent sent = Send(named, PushOf("team/app", "v1"), "42");
  EXPECT_EQ(sent.line, "POST /base/api/repos/42/pipelines HTTP/1.1");
  EXPECT_EQ(Json::parse(sent.body).at("branch"), "main");
  EXPECT_EQ(Json::parse(sent.body).at("variables").at("REGISTRY_TAG"), "v1");

  const config::Endpoint numbered = Endpoint("woodpecker", {{"project", "7"}, {"token", "t"}});
  EXPECT_THAT(Requests(numbered).Unresolved(PushOf("team/app", "v1"), 0), IsEmpty());
  EXPECT_EQ(Send(numbered, PushOf("team/app", "v1")).line, "POST /base/api/repos/7/pipelines HTTP/1.1");
}

TEST(CiRequestTest, DroneWithAndWithoutACommit) {
  config::Endpoint endpoint = Endpoint("drone", {{"project", "o/r"}, {"token", "t"}});
  endpoint.settings = testing::WithVariables(*endpoint.As<CiConfig>(), {{"TAG", "{{tag}}"}});
  EXPECT_EQ(Send(endpoint, PushOf("team/app", "v1")).line,
            "POST /base/api/repos/o/r/builds?branch=main&TAG=v1&REGISTRY_EVENT_ID=id-1 HTTP/1.1");
  endpoint = Endpoint("drone", {{"project", "o/r"}, {"token", "t"}, {"commit", "abc"}});
  EXPECT_THAT(Send(endpoint, PushOf("team/app", "v1")).line, HasSubstr("?branch=main&commit=abc&"));
}

TEST(CiRequestTest, TektonSignsWhatItSends) {
  const Sent sent = Send(Endpoint("tekton", {{"hmac_secret", "hush"}}), PushOf("team/app", "v1"));
  EXPECT_EQ(sent.line, "POST /base/ HTTP/1.1");
  const std::string mac = runtime::HmacSha256("hush", sent.body);
  EXPECT_EQ(sent.Field("X-Hub-Signature-256"),
            "sha256=" + runtime::Hex({reinterpret_cast<const unsigned char*>(mac.data()), mac.size()}));
  EXPECT_EQ(sent.Field("X-GitHub-Event"), "image_pushed");
  EXPECT_THAT(sent.Field("X-GitLab-Token"), IsEmpty());
  EXPECT_EQ(Json::parse(sent.body).at("variables").at("REGISTRY_EVENT_ID"), "id-1");
}

TEST(CiRequestTest, CircleCiInBothShapes) {
  const Sent slug = Send(Endpoint("circleci", {{"project", "gh/o/r"}, {"token", "t"}}), PushOf("team/app", "v1"));
  EXPECT_EQ(slug.line, "POST /base/api/v2/project/gh/o/r/pipeline HTTP/1.1");
  EXPECT_EQ(slug.Field("Circle-Token"), "t");
  EXPECT_EQ(Json::parse(slug.body).at("branch"), "main");
  EXPECT_EQ(Json::parse(slug.body).at("parameters").at("registry_event_id"), "id-1");

  const Sent app = Send(Endpoint("circleci", {{"project", "circleci/o/p"}, {"definition_id", "d"}, {"token", "t"}}),
                        PushOf("team/app", "v1"));
  EXPECT_EQ(app.line, "POST /base/api/v2/project/circleci/o/p/pipeline/run HTTP/1.1");
  Json body = Json::parse(app.body);
  EXPECT_EQ(body.at("parameters").at("registry_tag"), "v1");
  body.erase("parameters");
  EXPECT_EQ(body, Json::parse(R"({"definition_id":"d","config":{"branch":"main"},"checkout":{"branch":"main"}})"));
}

TEST(CiRequestTest, Buildkite) {
  const Sent sent =
      Send(Endpoint("buildkite", {{"organization", "o"}, {"pipeline", "p"}, {"token", "t"}}), PushOf("team/app", "v1"));
  EXPECT_EQ(sent.line, "POST /base/v2/organizations/o/pipelines/p/builds HTTP/1.1");
  const Json body = Json::parse(sent.body);
  EXPECT_EQ(body.at("commit"), "HEAD");
  EXPECT_EQ(body.at("branch"), "main");
  EXPECT_EQ(body.at("message"), "reg.example/team/app:v1 was pushed");
  EXPECT_EQ(body.at("env").at("REGISTRY_DIGEST"), "sha256:aa");
}

TEST(CiRequestTest, BuildbotLeavesOutWhatIsNotSaid) {
  const Sent sent =
      Send(Endpoint("buildbot", {{"user", "u"}, {"password", "p:w"}, {"project", "images"}}), PushOf("team/app", "v1"));
  EXPECT_EQ(sent.line, "POST /base/change_hook/base HTTP/1.1");
  EXPECT_EQ(sent.Field("Authorization"), "Basic " + runtime::Base64("u:p:w"));
  const auto form = sent.Form();
  EXPECT_THAT(form, AllOf(Contains(Pair("project", "images")), Contains(Pair("author", "portcall")),
                          Contains(Pair("comments", "reg.example/team/app:v1 was pushed")),
                          Not(Contains(Pair("branch", ::testing::_)))));
  EXPECT_EQ(form.back().first, "properties");
  EXPECT_EQ(Json::parse(form.back().second).at("REGISTRY_EVENT_ID"), "id-1");
}

TEST(CiRequestTest, Watchtower) {
  const Sent sent = Send(Endpoint("watchtower", {{"token", "t"}}), PushOf("team/app", "v1"));
  EXPECT_EQ(sent.line, "POST /base/v1/update?image=reg.example%2Fteam%2Fapp&REGISTRY_EVENT_ID=id-1 HTTP/1.1");
  EXPECT_EQ(sent.Field("Authorization"), "Bearer t");
}

TEST(CiRequestTest, WatchtowerIsToldNamesAsItCutsThem) {
  config::Endpoint endpoint = Endpoint("watchtower", {{"token", "t"}});
  endpoint.source = "reg.example:5000";
  EXPECT_EQ(Send(endpoint, PushOf("team/app", "v1")).Query().at(0).second, "reg.example");
  endpoint = Endpoint("watchtower", {{"token", "t"}, {"image_names", "a/{{repository}},b:1/{{repository}},{{image}}"}});
  EXPECT_EQ(Send(endpoint, PushOf("app", "v1")).Query().at(0).second, "a/app,b,reg.example/app");
}

TEST(CiRequestTest, TheFirstRouteThatFitsCounts) {
  config::Endpoint endpoint = Endpoint("github", {{"project", "o/other"}, {"token", "t"}});
  endpoint.settings = testing::WithRoutes(
      *endpoint.As<CiConfig>(),
      {{"team/app", {{"project", "o/app"}, {"token", "u"}}}, {"team/**", {{"project", "o/team-{{tag}}"}}}});
  EXPECT_EQ(Send(endpoint, PushOf("team/app", "v1")).line, "POST /base/repos/o/app/dispatches HTTP/1.1");
  EXPECT_EQ(Send(endpoint, PushOf("team/app", "v1")).Field("Authorization"), "Bearer u");
  EXPECT_EQ(Send(endpoint, PushOf("team/x/y", "v1")).line, "POST /base/repos/o/team-v1/dispatches HTTP/1.1");
  EXPECT_EQ(Send(endpoint, PushOf("team/x/y", "v1")).Field("Authorization"), "Bearer t");
  EXPECT_FALSE(Requests(endpoint).RouteOf("else/app"));
}

TEST(CiRequestTest, TheUsersHeadersAndQueryComeAlong) {
  config::Endpoint endpoint = Endpoint("github", {{"project", "o/r"}, {"token", "t"}});
  endpoint.url = "https://u:p@ci.example/?key=v";
  endpoint.headers = {{"user-agent", "mine"}, {"X-Two", "1"}, {"X-Two", "2"}};
  const Sent sent = Send(endpoint, PushOf("team/app", "v1"));
  EXPECT_EQ(sent.line, "POST /repos/o/r/dispatches?key=v HTTP/1.1");
  EXPECT_EQ(sent.fields.count("user-agent"), 1u);
  EXPECT_EQ(sent.Field("User-Agent"), "mine");
  EXPECT_EQ(sent.fields.count("x-two"), 2u);
  EXPECT_EQ(sent.Field("Authorization"), "Bearer t");
}

TEST(CiRequestTest, RefusesPathsThatLeadElsewhere) {
  const auto endpoint = [](const char* project) {
    return Endpoint("gitea", {{"project", project}, {"workflow", "{{tag}}"}, {"token", "t"}});
  };
  EXPECT_THAT(Refusal(endpoint("o/r"), PushOf("a", "..")), HasSubstr("the segment . or .."));
  EXPECT_THAT(Refusal(endpoint("o/{{repository}}"), PushOf("../../admin", "v")), HasSubstr("the segment . or .."));
  EXPECT_THAT(Refusal(endpoint("o/{{repository}}"), PushOf("a//b", "v")),
              HasSubstr("project begins or ends with a slash"));
  EXPECT_THAT(Refusal(endpoint("o/r"), PushOf("a", "")), HasSubstr("workflow is empty"));
}

TEST(CiRequestTest, RefusesHeadersThatWouldEndEarly) {
  CiPreset preset = *Endpoint("tekton", {}).As<CiConfig>()->definition;
  preset.words[0].fallback = "{{actor}}";
  config::Endpoint endpoint = Endpoint("tekton", {});
  endpoint.settings = testing::WithPreset(*endpoint.As<CiConfig>(), preset);
  store::Event event = PushOf("a", "v");
  event.actor = "x\r\nX-Evil: 1";
  EXPECT_THAT(Refusal(endpoint, event), HasSubstr("header X-GitHub-Event would hold a control character"));
}

// Every value of a request, by the preset's own idea of where it goes.
std::map<std::string, std::string> Everything(const Sent& sent) {
  std::map<std::string, std::string> found;
  for (const auto& [name, value] : sent.Query()) found["query " + name] = value;
  if (sent.Field("Content-Type") == "application/x-www-form-urlencoded") {
    for (const auto& [name, value] : sent.Form()) found["form " + name] = value;
    if (const auto at = found.find("form properties"); at != found.end()) {
      const Json properties = Json::parse(at->second);
      for (const auto& [name, value] : properties.items()) found["property " + name] = value.get<std::string>();
    }
  } else if (!sent.body.empty()) {
    const Json flat = Json::parse(sent.body).flatten();
    for (const auto& [name, value] : flat.items()) found["json " + name] = value.get<std::string>();
  }
  return found;
}

TEST(CiRequestTest, NoNameCanInjectAnything) {
  const std::vector<std::string> nasty{"\"",
                                       "\\",
                                       "'",
                                       "a\"b,\"ref\":\"evil\"",
                                       "a&ref=evil",
                                       "a&variables[REF]=evil",
                                       "a=b",
                                       "a%26b",
                                       "a%",
                                       "+",
                                       "a b",
                                       "a;b",
                                       "a\r\nX-Evil: 1\r\n\r\nGET / HTTP/1.1",
                                       std::string("a\0b", 3),
                                       "{{token}}",
                                       "${CI}",
                                       "$(id)",
                                       "`id`",
                                       "#x",
                                       "?x=1",
                                       "a/../../b",
                                       "..",
                                       "/",
                                       "ü€😀",
                                       "</script>",
                                       "\x7f",
                                       "]&x[",
                                       "\t",
                                       "\xe2\x80\xa8"};
  const Words words{{"project", "o/r"}, {"workflow", "w"}, {"organization", "o"}, {"pipeline", "p"}, {"token", "t"}};
  for (const std::string_view name : CiPresetNames()) {
    const auto loaded = LoadCiPreset(name);
    ASSERT_TRUE(loaded);
    const CiPreset& preset = **loaded;
    config::Endpoint endpoint = Endpoint(std::string(name), WordsOf(preset, words));
    endpoint.settings = testing::WithVariables(
        *endpoint.As<CiConfig>(),
        {{"va", "{{tag}}"}, {"vb", "{{repository}}"}, {"vc", "<{{actor}}>"}, {"vd", "{{source}}"}});
    const Sent plain = Send(endpoint, PushOf("plain", "plain"), "7");
    for (const std::string& value : nasty) {
      SCOPED_TRACE(std::string(name) + " with " + value);
      store::Event event = PushOf(value, value);
      event.actor = event.source = value;
      const Sent sent = Send(endpoint, event, "7");
      // Nothing but the values differs: the same line up to the query, the same fields, the same names.
      EXPECT_EQ(sent.Path(), plain.Path());
      EXPECT_EQ(sent.fields.size(), plain.fields.size());
      auto all = Everything(sent), before = Everything(plain);
      ASSERT_EQ(all.size(), before.size());
      int seen = 0;
      for (const auto& [at, text] : all) {
        ASSERT_TRUE(before.contains(at)) << at;
        const bool last = at.ends_with("va") || at.ends_with("vb") || at.ends_with("vd") || at.ends_with("[va]") ||
                          at.ends_with("[vb]") || at.ends_with("[vd]");
        if (last) EXPECT_EQ(text, value) << at;
        if (at.ends_with("vc") || at.ends_with("[vc]")) EXPECT_EQ(text, "<" + value + ">") << at;
        seen += last ? 1 : 0;
      }
      if (preset.variables.shape == CiVariables::Shape::kList) {
        EXPECT_EQ(all.at("json /variables/0/value"), value);
        EXPECT_EQ(all.at("json /variables/2/value"), "<" + value + ">");
        seen = 3;
      }
      EXPECT_EQ(seen, 3);
    }
  }
}

TEST(CiRequestTest, BytesThatAreNoTextReachFormsAsTheyAreAndJsonAsReplacements) {
  store::Event event = PushOf("a", "v");
  event.actor = "a\xff";
  EXPECT_THAT(Send(Endpoint("gitlab", {{"project", "1"}, {"token", "t"}}), event).Form(),
              Contains(Pair("variables[REGISTRY_ACTOR]", "a\xff")));
  const Sent sent = Send(Endpoint("github", {{"project", "o/r"}, {"token", "t"}}), event);
  EXPECT_EQ(Json::parse(sent.body).at("client_payload").at("REGISTRY_ACTOR"), "a\xef\xbf\xbd");
}

TEST(CiRequestTest, EveryFormOfASecretIsKnown) {
  config::Endpoint endpoint =
      Endpoint("jenkins", {{"project", "a"}, {"user", "u"}, {"token", "api t"}, {"buildtoken", "b"}});
  endpoint.settings = testing::WithRoutes(*endpoint.As<CiConfig>(), {{"x", {{"token", "other"}}}, {"**", {}}});
  EXPECT_THAT(Requests(endpoint).Secrets(), ::testing::IsSupersetOf({"api t", "b", "other"}));
  config::HeaderList secrets;
  for (const std::string& secret : Requests(endpoint).Secrets()) secrets.emplace_back("secret", secret);
  EXPECT_EQ(Redactor(secrets, {}).Redact("api t, api%20t, other", false), "***, ***, ***");
  EXPECT_THAT(Requests(endpoint).Secrets(), Contains(runtime::Base64("u:api t")));
  EXPECT_THAT(Requests(endpoint).Secrets(), Contains(runtime::Base64("u:other")));
}

}  // namespace
}  // namespace portcall::sinks
