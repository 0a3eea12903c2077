#include "sinks/http/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/bytes.h"
#include "runtime/http/server.h"
#include "sinks/formats/docker.h"
#include "tests/support/kinds.h"
#include "tests/support/loop_runner.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Seen {
  std::string method, target, body;
  http::Fields fields;
};

// A receiver that answers what the test sets and keeps what it was sent.
class Receiver {
 public:
  Receiver() : loop_("receiver") {
    http::ServerOptions options;
    options.addr = "127.0.0.1:0";
    options.handler = [this](http::Request& request) { return Serve(request); };
    auto server = http::Server::Listen(std::move(options), {&loop_});
    if (!server) throw std::runtime_error(server.error().detail);
    server_ = std::move(*server);
    server_->Open();
  }
  std::string Url(const std::string& target, const std::string& userinfo = "") const {
    return "http://" + userinfo + "127.0.0.1:" + std::to_string(server_->port()) + target;
  }
  std::string Host() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  void Answer(http::Response response) {
    const std::lock_guard lock(mutex_);
    response_ = std::move(response);
  }
  std::vector<Seen> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  Task<http::Response> Serve(http::Request& request) {
    auto body = co_await http::ReadAll(*request.body, 1 << 20);
    const std::lock_guard lock(mutex_);
    seen_.push_back({request.method, request.target, body ? *body : "unreadable", request.fields});
    co_return response_;
  }
  mutable std::mutex mutex_;
  http::Response response_;
  std::vector<Seen> seen_;
  runtime::Loop loop_;
  std::unique_ptr<http::Server> server_;
};

class WebhookTest : public ::testing::Test {
 protected:
  WebhookTest() : log_({runtime::Level::kFatal, "text", {}}) {}
  ~WebhookTest() override {
    runner_.Call([this] { sink_.reset(); });
  }

  Result<void> Make(config::Endpoint endpoint) {
    endpoint.name = "hook";
    return runner_.Call([&]() -> Result<void> {
      auto made = MakeSink(endpoint, {runner_.executor(), resolver_, log_, lanes_});
      if (!made) return Error(made.error());
      sink_ = std::move(*made);
      return {};
    });
  }
  Outcome Deliver() {
    store::Event event;
    event.id = "id-1";
    event.repository = "a/b";
    batch_.events = {std::make_shared<const store::Event>(std::move(event))};
    return runner_.Run(sink_->Deliver(batch_));
  }
  Outcome Answered(int status, std::string retry_after = "", std::string body = "") {
    http::Response response;
    response.status = status;
    if (!retry_after.empty()) response.fields.Set("Retry-After", std::move(retry_after));
    response.body = std::move(body);
    receiver_.Answer(std::move(response));
    return Deliver();
  }

  Receiver receiver_;
  runtime::Lanes lanes_;
  http::Resolver resolver_;
  runtime::Log log_;
  Batch batch_;
  std::unique_ptr<Sink> sink_;
  portcall::testing::LoopRunner runner_;
};

config::Endpoint To(std::string url) {
  config::Endpoint endpoint = portcall::testing::EndpointOf("webhook");
  endpoint.format = "docker-v1";
  endpoint.settings = std::make_shared<WebhookConfig>();
  endpoint.url = std::move(url);
  return endpoint;
}
void Sign(config::Endpoint& endpoint, const std::string& secret, const std::string& header = "X-Signature") {
  WebhookConfig own;
  own.hmac_secret = secret;
  own.hmac_header = header;
  endpoint.settings = std::make_shared<WebhookConfig>(own);
}

TEST_F(WebhookTest, PostsTheEnvelopeWithDistributionsHead) {
  config::Endpoint endpoint = To(receiver_.Url("/event?x=1"));
  endpoint.headers = {{"Authorization", "Bearer s"}, {"X-Two", "one"}, {"X-Two", "two"}};
  ASSERT_TRUE(Make(endpoint));
  const Outcome outcome = Deliver();
  EXPECT_EQ(outcome.verdict, Verdict::kDelivered);
  EXPECT_EQ(outcome.status_text, "200 OK");
  EXPECT_THAT(outcome.error, IsEmpty());
  EXPECT_GT(outcome.latency, 0ns);
  ASSERT_EQ(receiver_.seen().size(), 1u);
  const Seen seen = receiver_.seen()[0];
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/event?x=1");
  EXPECT_EQ(seen.body, DockerEnvelopeV1(batch_.events));
  EXPECT_EQ(seen.fields.Get("Host"), receiver_.Host());
  EXPECT_EQ(seen.fields.Get("User-Agent"), "Portcall/0.1.0");
  EXPECT_THAT(seen.fields.All("Content-Type"), ElementsAre(kDockerV1));
  EXPECT_THAT(seen.fields.All("Authorization"), ElementsAre("Bearer s"));
  EXPECT_THAT(seen.fields.All("X-Two"), ElementsAre("one", "two"));
}

TEST_F(WebhookTest, SendsDistribution3sFormatWhereItIsWanted) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  endpoint.format = "docker-v2";
  ASSERT_TRUE(Make(endpoint));
  Deliver();
  const Seen seen = receiver_.seen().at(0);
  EXPECT_EQ(seen.fields.Get("Content-Type"), kDockerV2);
  EXPECT_EQ(seen.body, DockerEnvelopeV2(batch_.events));
}

TEST_F(WebhookTest, AnEventsOwnHeaderLinesComeWithIt) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  endpoint.format = "cloudevents";
  endpoint.source = "registry.example.com";
  endpoint.headers = {{"X-Mine", "1"}};
  ASSERT_TRUE(Make(endpoint));
  EXPECT_EQ(Deliver().verdict, Verdict::kDelivered);
  const Seen seen = receiver_.seen().at(0);
  EXPECT_THAT(seen.fields.All("ce-id"), ElementsAre("id-1"));
  EXPECT_THAT(seen.fields.All("ce-specversion"), ElementsAre("1.0"));
  EXPECT_THAT(seen.fields.All("Content-Type"), ElementsAre("application/json"));
  EXPECT_THAT(seen.fields.All("X-Mine"), ElementsAre("1"));
}

TEST_F(WebhookTest, FormatsKnowTheConfiguredSource) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  endpoint.format = "keel";
  endpoint.source = "registry.example.com";
  ASSERT_TRUE(Make(endpoint));
  Deliver();
  EXPECT_EQ(receiver_.seen().at(0).body, R"({"name":"registry.example.com/a/b","tag":""})");
}

TEST_F(WebhookTest, SignsTheBodyThatItSends) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  endpoint.format = "keel";
  const std::string secret = "It's a Secret to Everybody";
  Sign(endpoint, secret);
  ASSERT_TRUE(Make(endpoint));
  Deliver();
  const Seen seen = receiver_.seen().at(0);
  ASSERT_EQ(seen.body, R"({"name":"a/b","tag":""})");
  // As `openssl dgst -sha256 -hmac` computes it.
  EXPECT_THAT(seen.fields.All("X-Signature"),
              ElementsAre("sha256=76543b05e65c51199a16da9df07b5efbd75b724fd1f0e7d4745280c3f9db4ec2"));

  Sign(endpoint, secret, "X-Hub-Signature-256");
  endpoint.format = "cloudevents";
  ASSERT_TRUE(Make(endpoint));
  Deliver();
  const Seen other = receiver_.seen().at(1);
  EXPECT_THAT(other.fields.All("X-Signature"), IsEmpty());
  EXPECT_THAT(other.fields.All("ce-id"), ElementsAre("id-1"));
  const std::string mac = runtime::HmacSha256(secret, other.body);
  EXPECT_THAT(other.fields.All("X-Hub-Signature-256"),
              ElementsAre("sha256=" + runtime::Hex({reinterpret_cast<const unsigned char*>(mac.data()), mac.size()})));
}

TEST_F(WebhookTest, AnUnsignedEndpointSendsNoSignature) {
  ASSERT_TRUE(Make(To(receiver_.Url("/"))));
  Deliver();
  EXPECT_THAT(receiver_.seen().at(0).fields.All("X-Signature"), IsEmpty());
}

TEST_F(WebhookTest, TheHmacSecretIsShownNowhere) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  Sign(endpoint, "hidden-word");
  ASSERT_TRUE(Make(endpoint));
  EXPECT_EQ(Answered(400, "", "expected the HMAC of hidden-word").answer, "expected the HMAC of ***");
  for (const char* bad : {"", "Bad Name", "Content-Length", "content-type", "X-Mine"}) {
    Sign(endpoint, "hidden-word", bad);
    endpoint.headers = {{"x-mine", "1"}};
    auto made = Make(endpoint);
    ASSERT_FALSE(made) << bad;
    EXPECT_THAT(made.error().detail, HasSubstr("HMAC")) << bad;
    EXPECT_THAT(made.error().detail, Not(HasSubstr("hidden-word")));
  }
}

TEST_F(WebhookTest, UserinfoBecomesBasicUnlessAuthorizationIsConfigured) {
  ASSERT_TRUE(Make(To(receiver_.Url("/", "user:pass@"))));
  Deliver();
  EXPECT_THAT(receiver_.seen().at(0).fields.All("Authorization"), ElementsAre("Basic dXNlcjpwYXNz"));
  config::Endpoint endpoint = To(receiver_.Url("/", "user:pass@"));
  endpoint.headers = {{"authorization", "bare-secret"}};
  ASSERT_TRUE(Make(endpoint));
  Deliver();
  EXPECT_THAT(receiver_.seen().at(1).fields.All("Authorization"), ElementsAre("bare-secret"));
}

TEST_F(WebhookTest, ConnectionFieldsCannotBeConfigured) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  endpoint.headers = {{"Host", "elsewhere"}, {"Content-Length", "1"}, {"User-Agent", "Mine/1"}};
  ASSERT_TRUE(Make(endpoint));
  EXPECT_EQ(Deliver().verdict, Verdict::kDelivered);
  const Seen seen = receiver_.seen().at(0);
  EXPECT_THAT(seen.fields.All("Host"), ElementsAre(receiver_.Host()));
  EXPECT_EQ(seen.fields.All("Content-Length").size(), 1u);
  EXPECT_THAT(seen.fields.All("User-Agent"), ElementsAre("Mine/1"));
}

TEST_F(WebhookTest, JudgesStatuses) {
  ASSERT_TRUE(Make(To(receiver_.Url("/"))));
  const std::vector<std::pair<int, Verdict>> expected = {
      {200, Verdict::kDelivered}, {202, Verdict::kDelivered}, {204, Verdict::kDelivered}, {302, Verdict::kFailed},
      {304, Verdict::kFailed},    {400, Verdict::kRejected},  {401, Verdict::kFailed},    {404, Verdict::kFailed},
      {410, Verdict::kGone},      {413, Verdict::kRejected},  {415, Verdict::kRejected},  {422, Verdict::kRejected},
      {429, Verdict::kFailed},    {500, Verdict::kFailed},    {503, Verdict::kFailed}};
  for (const auto& [status, verdict] : expected) {
    const Outcome outcome = Answered(status);
    EXPECT_EQ(outcome.verdict, verdict) << status;
    EXPECT_EQ(outcome.status, status);
    EXPECT_EQ(outcome.error.empty(), verdict == Verdict::kDelivered) << status;
  }
}

TEST_F(WebhookTest, NeverFollowsARedirect) {
  ASSERT_TRUE(Make(To(receiver_.Url("/"))));
  http::Response response;
  response.status = 307;
  response.fields.Set("Location", receiver_.Url("/elsewhere"));
  receiver_.Answer(std::move(response));
  const Outcome outcome = Deliver();
  EXPECT_EQ(outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(outcome.error, "307 Temporary Redirect: redirect not followed: set url to " + receiver_.Url("/elsewhere"));
  EXPECT_EQ(receiver_.seen().size(), 1u);
}

TEST_F(WebhookTest, ARedirectShowsNoSecret) {
  ASSERT_TRUE(Make(To(receiver_.Url("/hook/secret-of-2?key=hidden-1", "user:hidden-2@"))));
  const auto redirected = [&](const std::string& location) {
    http::Response response;
    response.status = 308;
    response.fields.Set("Location", location);
    receiver_.Answer(std::move(response));
    return Deliver().error;
  };
  const std::string said = "308 Permanent Redirect: redirect not followed";
  EXPECT_EQ(redirected("https://u:hidden-2@h.example/hook/secret-of-2/?key=hidden-1"),
            said + ": set url to https://h.example/…/");
  EXPECT_EQ(redirected("/other/secret-of-2"), said + ": set url to /other/***");
  EXPECT_EQ(redirected("?a=b"), said);
}

TEST_F(WebhookTest, AConfiguredHeaderStandsInPlaceOfOurs) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  endpoint.headers = {{"content-type", "application/x-mine"}, {"USER-AGENT", "Mine/1"}};
  ASSERT_TRUE(Make(endpoint));
  Deliver();
  const Seen seen = receiver_.seen().at(0);
  EXPECT_THAT(seen.fields.All("Content-Type"), ElementsAre("application/x-mine"));
  EXPECT_THAT(seen.fields.All("User-Agent"), ElementsAre("Mine/1"));
}

// fluxcd/notification-controller, internal/server/receiver_handlers.go, and argoproj/argo-cd, util/webhook: 400 is the
// answer to a secret that is wrong.
TEST_F(WebhookTest, UpdatersSay400ToAWrongSecretWhichIsNoFaultOfTheEvent) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  for (const char* format : {"harbor", "dockerhub", "quay", "acr", "keel"}) {
    endpoint.format = format;
    ASSERT_TRUE(Make(endpoint));
    EXPECT_EQ(Answered(400).verdict, Verdict::kFailed) << format;
    EXPECT_EQ(Answered(413).verdict, Verdict::kRejected) << format;
  }
}

TEST_F(WebhookTest, PassesRetryAfterOnWithAnyFailure) {
  ASSERT_TRUE(Make(To(receiver_.Url("/"))));
  EXPECT_EQ(Answered(503, "7").retry_after, 7s);
  EXPECT_EQ(Answered(429, "garbage").retry_after, std::nullopt);
  EXPECT_EQ(Answered(400, "3").retry_after, 3s);
  EXPECT_EQ(Answered(200, "3").retry_after, std::nullopt);
}

TEST_F(WebhookTest, KeepsACappedAndRedactedAnswerOfARefusal) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  endpoint.headers = {{"Authorization", "Bearer s3cr3t-t0ken"}};
  endpoint.hidden = {"brought-by-a-reference"};
  ASSERT_TRUE(Make(endpoint));
  EXPECT_EQ(Answered(400, "", "you sent Bearer s3cr3t-t0ken").answer, "you sent ***");
  EXPECT_EQ(Answered(400, "", "you sent brought-by-a-reference").answer, "you sent ***");
  EXPECT_EQ(Answered(400, "", std::string(10'000, 'x')).answer.size(), 4096u);
  EXPECT_THAT(Answered(200, "", "fine").answer, IsEmpty());
}

TEST_F(WebhookTest, NoAnswerIsAFailureWithoutAStatus) {
  std::string url;
  {
    Receiver gone;
    url = gone.Url("/", "user:hidden-word@");
  }
  ASSERT_TRUE(Make(To(url)));
  const Outcome outcome = Deliver();
  EXPECT_EQ(outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.status_text, IsEmpty());
  EXPECT_THAT(outcome.error, Not(IsEmpty()));
  EXPECT_THAT(outcome.error, Not(HasSubstr("hidden-word")));
}

TEST_F(WebhookTest, KnowsWhetherARequestCanHaveArrived) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  endpoint.retry_on_timeout = false;
  ASSERT_TRUE(Make(endpoint));
  EXPECT_TRUE(Answered(503).maybe_received);
  endpoint.url = "http://127.0.0.1:1/";  // nobody listens
  ASSERT_TRUE(Make(endpoint));
  EXPECT_FALSE(Deliver().maybe_received);
  endpoint.url = "https://" + receiver_.Host() + "/";  // no TLS there
  ASSERT_TRUE(Make(endpoint));
  const Outcome no_tls = Deliver();
  EXPECT_EQ(no_tls.verdict, Verdict::kFailed);
  EXPECT_FALSE(no_tls.maybe_received);
}

TEST_F(WebhookTest, RefusesWhatCannotBeSent) {
  EXPECT_FALSE(Make(To("ftp://host/")));
  config::Endpoint endpoint = To(receiver_.Url("/"));
  endpoint.headers = {{"X-Evil", "a-secret\r\nX-Injected: 1"}};
  auto made = Make(endpoint);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().detail, HasSubstr("X-Evil"));
  EXPECT_THAT(made.error().detail, Not(HasSubstr("a-secret")));
  endpoint.headers = {{"Bad Name", "x"}};
  EXPECT_FALSE(Make(endpoint));
  endpoint.headers.clear();
  endpoint.format = "harbour";
  EXPECT_FALSE(Make(endpoint));
  endpoint.format = "docker-v1";
  endpoint.kind = nullptr;
  EXPECT_FALSE(Make(endpoint));
}

TEST_F(WebhookTest, CapacityFollowsTheEntry) {
  config::Endpoint endpoint = To(receiver_.Url("/"));
  endpoint.concurrency = 5;
  ASSERT_TRUE(Make(endpoint));
  EXPECT_EQ(sink_->capacity().window, 5u);
  EXPECT_EQ(sink_->capacity().batch, 1u);
  EXPECT_FALSE(sink_->capacity().pipelines_lanes);
}

}  // namespace
}  // namespace portcall::sinks
