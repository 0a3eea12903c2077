#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "runtime/http/server.h"
#include "tests/http/fixture.h"

namespace portcall::http {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

const std::string kWait = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(ServerDrain, ClosesIdleConnectionsAtOnce) {
  TestServer server;
  RawClient fresh(server.port());
  RawClient used(server.port());
  used.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  used.ReadResponse();
  const Clock::time_point before = Clock::now();
  server.server().Drain(seconds(30));
  EXPECT_LT(Clock::now() - before, seconds(5));
  EXPECT_TRUE(used.AtEnd());
  EXPECT_TRUE(fresh.AtEnd());
  EXPECT_EQ(server.server().connections(), 0u);
}

TEST(ServerDrain, LetsABusyRequestFinishAndThenCloses) {
  TestServer server;
  RawClient client(server.port());
  client.Send(kWait + "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  server.WaitForWaiting();
  std::future<void> drained = std::async(std::launch::async, [&] { server.server().Drain(seconds(30)); });
  EXPECT_EQ(drained.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  server.Release();
  const std::string response = client.ReadToEnd();
  EXPECT_EQ(StatusOf(response), 200);
  EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(response.find("HTTP/", 1), std::string::npos);
  drained.get();
}

TEST(ServerDrain, EndsConnectionsAfterItsPatience) {
  TestServer server;
  RawClient half(server.port());
  half.Send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n");
  half.ReadUntil("\r\n\r\n");
  const Clock::time_point before = Clock::now();
  server.server().Drain(std::chrono::milliseconds(100));
  EXPECT_GE(Clock::now() - before, std::chrono::milliseconds(100));
  EXPECT_LT(Clock::now() - before, seconds(5));
  EXPECT_TRUE(half.AtEnd());
}

TEST(ServerDrain, TellsAHandlerThatItsConnectionIsEnded) {
  TestServer server;
  RawClient client(server.port());
  client.Send("GET /until-gone HTTP/1.1\r\nHost: x\r\n\r\n");
  server.WaitForWaiting();
  server.Release();
  const Clock::time_point before = Clock::now();
  server.server().Drain(std::chrono::milliseconds(100));
  EXPECT_LT(Clock::now() - before, seconds(5));
  EXPECT_TRUE(client.AtEnd());
}

TEST(ServerDrain, AHandlerIsToldThatItsClientHasClosed) {
  for (const char* more : {"", "GET /next HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    TestServer server;
    auto client = std::make_unique<RawClient>(server.port());
    client->Send(std::string("GET /until-gone HTTP/1.1\r\nHost: x\r\n\r\n") + more);
    server.WaitForWaiting();
    server.Release();
    client.reset();
    server.WaitForExchanges(1);
    EXPECT_THAT(server.exchanges().front(), ::testing::StartsWith("GET /until-gone 200 ")) << "[" << more << "]";
  }
}

TEST(ServerDrain, WaitsForAHandlerWhoseConnectionIsGone) {
  TestServer server;
  auto client = std::make_unique<RawClient>(server.port());
  client->Send(kWait);
  server.WaitForWaiting();
  client.reset();
  std::future<void> drained = std::async(std::launch::async, [&] { server.server().Drain(seconds(0)); });
  EXPECT_EQ(drained.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  server.Release();
  EXPECT_EQ(drained.wait_for(seconds(10)), std::future_status::ready);
}

TEST(ServerDrain, MayBeAskedTwiceAndBeforeAnyConnection) {
  TestServer server;
  server.server().Drain(seconds(1));
  server.server().Drain(seconds(1));
}

}  // namespace
}  // namespace portcall::http
