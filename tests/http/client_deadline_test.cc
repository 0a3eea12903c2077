#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "tests/http/client_stage.h"
#include "tests/support/scripted_server.h"

namespace portcall::http {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::LoopRunner;
using testing::Reply;
using testing::ScriptedServer;

void ExpectError(const Result<Incoming>& result, Errc code, const std::string& words) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().detail;
  EXPECT_THAT(result.error().detail, HasSubstr(words));
}

// A port whose queue is full: the kernel leaves further connections unanswered.
class FullPort {
 public:
  explicit FullPort(in_addr_t address = INADDR_LOOPBACK, std::uint16_t port = 0) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(address);
    address_.sin_port = htons(port);
    socklen_t size = sizeof address_;
    ::bind(listener_, generic(), size);
    ::listen(listener_, 0);
    ::getsockname(listener_, generic(), &size);
    for (int& filler : fillers_) {
      filler = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      ::connect(filler, generic(), size);
    }
  }
  ~FullPort() {
    for (const int filler : fillers_) ::close(filler);
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)) + "/"; }

 private:
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address_); }
  sockaddr_in address_{};
  int listener_ = -1;
  int fillers_[4] = {};
};

TEST(ClientDeadlineTest, WaitingForTheAnswer) {
  ScriptedServer server({Reply(200).Held()});
  ClientStage stage(server.url());
  ExpectError(stage.Send("x", 200ms), Errc::kTimeout, "waiting for the answer took too long");
  EXPECT_TRUE(server.WaitForRequests(1));
}

TEST(ClientDeadlineTest, TheWholeAnswerMustComeInTime) {
  ScriptedServer server({Reply(200, std::string(1000, 'x')).Dripping(1, 10ms)});
  ClientStage stage(server.url());
  const auto start = std::chrono::steady_clock::now();
  ExpectError(stage.Send("x", 300ms), Errc::kTimeout, "reading the answer took too long");
  const auto taken = std::chrono::steady_clock::now() - start;
  EXPECT_GE(taken, 300ms);
  EXPECT_LT(taken, 5s);
}

TEST(ClientDeadlineTest, AReusedConnectionIsNoStaleOneWhenTimeRunsOut) {
  ScriptedServer server({Reply(200), Reply(200).Held()});
  ClientStage stage(server.url());
  ASSERT_TRUE(stage.Send());
  ExpectError(stage.Send("x", 200ms), Errc::kTimeout, "waiting for the answer");
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST(ClientDeadlineTest, Connecting) {
  FullPort full;
  ClientStage stage(full.url());
  ExpectError(stage.Send("x", 300ms), Errc::kTimeout, "connecting to 127.0.0.1 took too long");
}

TEST(ClientDeadlineTest, SendingToWhoDoesNotRead) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener, generic, size), 0);
  ASSERT_EQ(::listen(listener, 8), 0);
  ::getsockname(listener, generic, &size);
  {
    ClientStage stage("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
    const std::string body(64 << 20, 'x');
    ExpectError(stage.Send(body, 300ms), Errc::kTimeout, "sending the request took too long");
  }
  ::close(listener);
}

TEST(ClientDeadlineTest, LookingUp) {
  ClientStage stage("http://localhost:9/");
  stage.names.Hold();
  ExpectError(stage.Send("x", 200ms), Errc::kTimeout, "looking up its address took too long");
}

TEST(ClientDeadlineTest, RefusedAndUnknownAreUnavailable) {
  std::uint16_t port = 0;
  {
    ScriptedServer server;
    port = server.port();
  }
  ClientStage refused("http://127.0.0.1:" + std::to_string(port) + "/");
  ExpectError(refused.Send(), Errc::kUnavailable, "connecting to 127.0.0.1: Connection refused");
  ClientStage unknown("http://no-such-host.invalid/");
  ExpectError(unknown.Send(), Errc::kUnavailable, "no-such-host.invalid");
}

// localhost is ::1 before 127.0.0.1 where both exist; the server listens on the second only.
TEST(ClientDeadlineTest, TriesEveryAddress) {
  ScriptedServer server;
  for (const std::string_view name : {std::string_view("localhost"), testing::NameSystem::kTwoAddresses}) {
    ClientStage stage("http://" + std::string(name) + ":" + std::to_string(server.port()) + "/");
    const Result<Incoming> answer = stage.Send();
    EXPECT_TRUE(answer) << answer.error().detail;
  }
}

TEST(ClientDeadlineTest, AnAddressThatNeverAnswersLeavesTimeForTheNext) {
  ScriptedServer server;
  const FullPort full(INADDR_LOOPBACK + 1, server.port());
  ClientStage stage("http://" + std::string(testing::NameSystem::kTwoAddresses) + ":" + std::to_string(server.port()) +
                    "/");
  const Result<Incoming> answer = stage.Send("x", 8s);
  EXPECT_TRUE(answer) << answer.error().detail;
}

TEST(ClientLifeTest, CloseEndsIdleConnectionsAndTheOthersAfterTheirAnswer) {
  ScriptedServer server({Reply(200), Reply(200, "late").Held()});
  ClientStage stage(server.url());
  ASSERT_TRUE(stage.Send());
  auto busy = stage.Start();
  ASSERT_TRUE(server.WaitForRequests(2));
  stage.Close();
  server.Release();
  const Result<Incoming> answer = LoopRunner::Await(std::move(busy));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "late");
  EXPECT_EQ(stage.idle(), 0U);
  EXPECT_TRUE(server.WaitForOpen(0));
  EXPECT_TRUE(stage.Send()) << "a closed client opens new connections";
  stage.Close();
  EXPECT_TRUE(server.WaitForOpen(0));
}

TEST(ClientLifeTest, AnInterruptFailsWhatIsPendingAlone) {
  std::atomic<bool> held = true;
  ScriptedServer server([&held](const auto&) { return held ? Reply(200).Held() : Reply(200); });
  ClientStage stage(server.url());
  std::vector<std::future<Result<Incoming>>> sends;
  for (int i = 0; i < 3; ++i) sends.push_back(stage.Start());
  ASSERT_TRUE(server.WaitForRequests(3));
  stage.Interrupt();
  for (auto& send : sends) ExpectError(LoopRunner::Await(std::move(send)), Errc::kCancelled, "shut down");
  held = false;
  EXPECT_TRUE(stage.Send());
  server.Release();
}

TEST(ClientLifeTest, AnInterruptEndsAConnectAtOnce) {
  FullPort full;
  ClientStage stage(full.url());
  auto send = stage.Start();
  stage.runner.Call([] {});
  stage.Interrupt();
  ExpectError(LoopRunner::Await(std::move(send), 5s), Errc::kCancelled, "shut down");
}

TEST(ClientLifeTest, AbortFailsWhatIsPendingAndWhatComesLater) {
  ScriptedServer server([](const auto&) { return Reply(200).Held(); });
  ClientStage stage(server.url());
  std::vector<std::future<Result<Incoming>>> sends;
  for (int i = 0; i < 3; ++i) sends.push_back(stage.Start());
  ASSERT_TRUE(server.WaitForRequests(3));
  stage.Abort();
  for (auto& send : sends) ExpectError(LoopRunner::Await(std::move(send)), Errc::kCancelled, "shut down");
  ExpectError(stage.Send(), Errc::kCancelled, "shut down");
  server.Release();
  EXPECT_TRUE(server.WaitForOpen(0));
}

TEST(ClientLifeTest, AbortEndsAConnectAtOnce) {
  FullPort full;
  ClientStage stage(full.url());
  auto send = stage.Start();
  stage.runner.Call([] {});
  stage.Abort();
  ExpectError(LoopRunner::Await(std::move(send), 5s), Errc::kCancelled, "shut down");
}

TEST(ClientLifeTest, AbortEndsALookupAtOnce) {
  ClientStage stage("http://localhost:9/");
  stage.names.Hold();
  auto send = stage.Start();
  stage.runner.Call([] {});
  stage.Abort();
  ExpectError(LoopRunner::Await(std::move(send), 5s), Errc::kCancelled, "shut down");
}

}  // namespace
}  // namespace portcall::http
