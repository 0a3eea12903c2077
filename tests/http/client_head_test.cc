#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/http/client_stage.h"
#include "tests/support/scripted_server.h"

namespace portcall::http {
namespace {

using namespace std::chrono_literals;
using testing::Reply;
using testing::ScriptedServer;
using After = Reply::After;

const std::string kShort = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok";  // three bytes are missing

TEST(ClientHeadTest, ASuccessCountsByItsHeadWhateverBecomesOfItsBody) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const Reply& reply :
       {Reply::Raw(kShort), Reply::Raw(kShort, After::kClose), Reply::Raw(kShort, After::kReset),
        Reply::Raw("HTTP/1.1 200\n\n"), Reply::Raw(chunked + "zz\r\n"), Reply::Raw(chunked + "2\r\nok\r\n"),
        Reply::Raw("HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n").Repeated("x", 20)}) {
    ScriptedServer server({reply, reply, Reply(204)});
    ClientStage stage(server.url());
    for (int i = 0; i < 2; ++i) {
      const Result<Incoming> answer = stage.SendForHead();
      ASSERT_TRUE(answer) << reply.bytes << answer.error().detail;
      EXPECT_EQ(answer->status / 100, 2);
      EXPECT_FALSE(answer->resent);
    }
    EXPECT_EQ(stage.SendForHead()->status, 204) << "what is left of an answer is none to the next request";
    EXPECT_EQ(server.requests().size(), 3U);
  }
}

TEST(ClientHeadTest, ABodyThatIsWantedMayBeCut) {
  for (const After after : {After::kClose, After::kReset, After::kKeepOpen}) {
    ScriptedServer server(
        {Reply::Raw(kShort, after), Reply(200, "whole", {{"X-RateLimit-Remaining", "0"}, {"ratelimit-reset", "7"}})});
    ClientStage stage(server.url());
    const Result<Incoming> cut = stage.SendForBody(after == After::kKeepOpen ? 200ms : 20s);
    ASSERT_TRUE(cut) << cut.error().detail;
    EXPECT_TRUE(cut->cut);
    const Result<Incoming> whole = stage.SendForBody();
    ASSERT_TRUE(whole) << whole.error().detail;
    EXPECT_FALSE(whole->cut);
    EXPECT_EQ(whole->body, "whole");
    EXPECT_EQ(whole->rate_remaining, "0");
    EXPECT_EQ(whole->rate_reset, "7");
  }
}

TEST(ClientHeadTest, AHeadThatCameCountsThoughWeEndTheExchange) {
  ScriptedServer server([](const auto&) { return Reply::Raw(kShort); });
  ClientStage stage(server.url());
  auto answer = stage.StartForBody();
  ASSERT_TRUE(server.WaitForRequests(1));
  while (answer.wait_for(10ms) != std::future_status::ready) stage.Interrupt();
  const Result<Incoming> cut = answer.get();
  if (cut) EXPECT_TRUE(cut->cut);  // else it was ended before the head had come
}

TEST(ClientHeadTest, AHeldBodyHoldsUpNoAttempt) {
  ScriptedServer server([](const auto&) { return Reply::Raw(kShort); });
  ClientStage stage(server.url());
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(stage.SendForHead("x", 10s));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

TEST(ClientHeadTest, ABodyThatComesApartFromItsHeadKeepsTheConnection) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
  ScriptedServer server([&](const auto&) { return Reply::Raw(head + "ok").Dripping(head.size(), 5ms); });
  ClientStage stage(server.url());
  for (int i = 0; i < 5; ++i) ASSERT_EQ(stage.SendForHead()->status, 200);
  EXPECT_EQ(server.requests().size(), 5U);
  EXPECT_EQ(server.connections(), 1);
}

// PHP ends a script whose client has gone.
TEST(ClientHeadTest, AReceiverMayFinishWhatItSaysBeforeItCloses) {
  const std::string head = "HTTP/1.0 200 OK\r\n\r\n";
  ScriptedServer server(
      {Reply::Raw(head + std::string(100, 'x'), After::kClose).Dripping(head.size(), 20ms), Reply(204)});
  ClientStage stage(server.url());
  ASSERT_EQ(stage.SendForHead()->status, 200);
  EXPECT_EQ(server.WaitForOpen(0, 10ms), false);
  EXPECT_TRUE(server.WaitForOpen(0)) << "the server could not write its answer";
  EXPECT_EQ(stage.SendForHead()->status, 204);
  EXPECT_EQ(server.connections(), 2);
}

TEST(ClientHeadTest, ARefusalKeepsItsStatusAndFieldsWithoutItsBody) {
  const std::string head = "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 10\r\n\r\nwait";
  for (const After after : {After::kClose, After::kReset, After::kKeepOpen}) {
    ScriptedServer server({Reply::Raw(head, after)});
    ClientStage stage(server.url());
    const Result<Incoming> answer = stage.Send("x", 300ms);
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->status, 429);
    EXPECT_EQ(answer->retry_after, "7");
    EXPECT_EQ(answer->body, "wait");
    EXPECT_EQ(stage.idle(), 0U);
  }
}

TEST(ClientHeadTest, WhoWantsTheBodyGetsItOrAnError) {
  ScriptedServer server({Reply::Raw(kShort, After::kClose)});
  ClientStage stage(server.url());
  EXPECT_FALSE(stage.Send());
}

}  // namespace
}  // namespace portcall::http
