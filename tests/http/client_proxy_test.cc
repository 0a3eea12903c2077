#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/http/tls.h"
#include "tests/http/client_stage.h"
#include "tests/support/scripted_server.h"

namespace portcall::http {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Reply;
using testing::ScriptedServer;

ClientOptions By(const ScriptedServer& proxy) {
  ClientOptions options;
  options.proxy = *ParseUrl("http://user:hunter2@127.0.0.1:" + std::to_string(proxy.port()));
  options.tls = *MakeClientTls({});
  return options;
}

// RFC 9112 §3.2.2: absolute form, and Host as without a proxy.
TEST(ClientProxyTest, APlainRequestIsForwardedInAbsoluteForm) {
  ScriptedServer proxy;
  ClientStage stage("http://receiver.invalid:8080/hook?x=1", By(proxy));
  for (int i = 0; i < 2; ++i) {
    const Result<Incoming> answer = stage.Send("{}");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->status, 200);
  }
  const auto seen = proxy.requests().at(1);
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "http://receiver.invalid:8080/hook?x=1");
  EXPECT_EQ(seen.Field("Host"), "receiver.invalid:8080");
  EXPECT_EQ(seen.Field("Proxy-Authorization"), "Basic dXNlcjpodW50ZXIy");
  EXPECT_EQ(seen.body, "{}");
  EXPECT_EQ(proxy.connections(), 1);
}

// RFC 9110 §9.3.6: the target is host and port alone.
TEST(ClientProxyTest, ARefusedTunnelSendsNothingAndIsExplained) {
  ScriptedServer proxy({Reply(407, "no", {{"Proxy-Authenticate", "Basic realm=x"}}), Reply::Raw(""),
                        Reply::Raw("220 smtp\r\n"), Reply::Raw("HTTP/1.0 200 OK\r\n\r\nHELLO")});
  ClientStage stage("https://receiver.invalid/hook", By(proxy));
  const std::string step =
      "receiver.invalid: asking the proxy 127.0.0.1:" + std::to_string(proxy.port()) + " for a tunnel: ";
  for (const char* why : {"it answers 407 Proxy Authentication Required", "the other side closed the connection",
                          "the answer is not HTTP/1", "it answers 200 OK"}) {
    const Result<Incoming> answer = stage.Send("secret");
    ASSERT_FALSE(answer);
    EXPECT_THAT(answer.error().detail, HasSubstr(step + why));
    EXPECT_THAT(answer.error().detail, AllOf(Not(HasSubstr("hunter2")), Not(HasSubstr("dXNlcjp"))));
  }
  const auto seen = proxy.requests().at(0);
  EXPECT_THAT(seen.head, ::testing::StartsWith("CONNECT receiver.invalid:443 HTTP/1.1\r\n"));
  EXPECT_EQ(seen.Field("Host"), "receiver.invalid:443");
  EXPECT_EQ(seen.Field("Proxy-Authorization"), "Basic dXNlcjpodW50ZXIy");
}

TEST(ClientProxyTest, AProxyThatHangsIsNamed) {
  ScriptedServer proxy({Reply(200).Held()});
  ClientStage stage("https://receiver.invalid/hook", By(proxy));
  const Result<Incoming> answer = stage.Send("x", 200ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::kTimeout);
  EXPECT_THAT(answer.error().detail, HasSubstr("for a tunnel took too long"));
}

TEST(ClientProxyTest, AProxyThatIsNotThereIsNamed) {
  std::uint16_t port = 0;
  {
    ScriptedServer gone;
    port = gone.port();
  }
  ClientOptions options;
  options.proxy = *ParseUrl("http://127.0.0.1:" + std::to_string(port));
  ClientStage stage("http://receiver.invalid/hook", options);
  EXPECT_THAT(stage.Send().error().detail, HasSubstr("receiver.invalid: connecting to the proxy 127.0.0.1"));
  options.proxy = *ParseUrl("http://proxy.invalid:3128");
  ClientStage unknown("http://receiver.invalid/hook", options);
  EXPECT_THAT(unknown.Send().error().detail, HasSubstr("receiver.invalid: looking up proxy.invalid"));
}

}  // namespace
}  // namespace portcall::http
