#include "runtime/http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/http/client_stage.h"
#include "tests/support/scripted_server.h"

namespace portcall::http {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::LoopRunner;
using ::testing::Not;
using testing::Reply;
using testing::ScriptedServer;

void ExpectError(const Result<Incoming>& result, Errc code, const std::string& words) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().detail;
  EXPECT_THAT(result.error().detail, HasSubstr(words));
}

TEST(ClientTest, SendsTheRequestAndReturnsTheAnswer) {
  ScriptedServer server({Reply(202, "thanks", {{"Retry-After", "7"}, {"Location", "/there"}})});
  ClientStage stage(server.url("/hook?x=1"));
  const Result<Incoming> answer = stage.Send("{\"a\":1}");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 202);
  EXPECT_EQ(answer->reason, "Scripted");
  EXPECT_EQ(answer->body, "thanks");
  EXPECT_EQ(answer->retry_after, "7");
  EXPECT_EQ(answer->location, "/there");
  EXPECT_FALSE(answer->resent);
  const auto seen = server.requests();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].method, "POST");
  EXPECT_EQ(seen[0].target, "/hook?x=1");
  EXPECT_EQ(seen[0].Field("host"), "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ(seen[0].Field("content-length"), "7");
  EXPECT_EQ(seen[0].body, "{\"a\":1}");
}

TEST(ClientTest, SendsLargeBodiesWhole) {
  ScriptedServer server;
  ClientStage stage(server.url());
  std::string body(5'000'000, 'x');
  for (std::size_t i = 0; i < body.size(); i += 97) body[i] = static_cast<char>('a' + i % 26);
  ASSERT_TRUE(stage.Send(body));
  EXPECT_TRUE(server.requests()[0].body == body);
}

TEST(ClientTest, NeverFollowsARedirect) {
  ScriptedServer server({Reply(307, "", {{"Location", "/elsewhere"}})});
  ClientStage stage(server.url());
  EXPECT_EQ(stage.Send()->status, 307);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(ClientTest, LeavesCompressedBodiesAlone) {
  const std::string gzip("\x1f\x8b\x08\x00\x00", 5);
  ScriptedServer server({Reply(200, gzip, {{"Content-Encoding", "gzip"}})});
  ClientStage stage(server.url());
  EXPECT_EQ(stage.Send()->body, gzip);
}

TEST(ClientTest, ReadsChunkedInterimAndOpenEndedAnswers) {
  ScriptedServer server({
      Reply::Raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
      Reply::Raw("HTTP/1.1 200 OK\r\n\r\nuntil close", Reply::After::kClose),
  });
  ClientStage stage(server.url());
  EXPECT_EQ(stage.Send()->body, "hello world");
  EXPECT_EQ(stage.idle(), 1U);
  const Result<Incoming> open_ended = stage.Send();
  ASSERT_TRUE(open_ended) << open_ended.error().detail;
  EXPECT_EQ(open_ended->body, "until close");
  EXPECT_EQ(stage.idle(), 0U);
  EXPECT_EQ(server.connections(), 1);
}

TEST(ClientTest, ReusesTheConnectionUsedLast) {
  ScriptedServer server({Reply(200).Held(), Reply(200).Held()});
  ClientStage stage(server.url());
  auto first = stage.Start();
  auto second = stage.Start();
  ASSERT_TRUE(server.WaitForRequests(2));
  server.Release();
  ASSERT_TRUE(LoopRunner::Await(std::move(first)));
  ASSERT_TRUE(LoopRunner::Await(std::move(second)));
  EXPECT_EQ(stage.idle(), 2U);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stage.Send());
  const auto seen = server.requests();
  ASSERT_EQ(seen.size(), 5U);
  EXPECT_EQ(seen[2].connection, seen[3].connection);
  EXPECT_EQ(seen[3].connection, seen[4].connection);
  EXPECT_EQ(server.connections(), 2);
}

TEST(ClientTest, KeepsNoMoreIdleConnectionsThanAllowed) {
  ClientOptions options;
  options.max_idle = 2;
  ScriptedServer server([](const auto&) { return Reply(200).Held(); });
  ClientStage stage(server.url(), options);
  std::vector<std::future<Result<Incoming>>> sends;
  for (int i = 0; i < 5; ++i) sends.push_back(stage.Start());
  ASSERT_TRUE(server.WaitForRequests(5));
  server.Release();
  for (auto& send : sends) ASSERT_TRUE(LoopRunner::Await(std::move(send)));
  EXPECT_EQ(stage.idle(), 2U);
  EXPECT_TRUE(server.WaitForOpen(2));
}

TEST(ClientTest, DoesNotReuseWhatTheServerCloses) {
  ScriptedServer server({Reply(200, "", {{"Connection", "close"}}), Reply(200)});
  ClientStage stage(server.url());
  ASSERT_TRUE(stage.Send());
  EXPECT_EQ(stage.idle(), 0U);
  const Result<Incoming> answer = stage.Send();
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->resent);
  EXPECT_EQ(server.connections(), 2);
}

TEST(ClientTest, ClosesIdleConnectionsInTime) {
  ClientOptions options;
  options.idle_timeout = 50ms;
  ScriptedServer server;
  ClientStage stage(server.url(), options);
  ASSERT_TRUE(stage.Send());
  ASSERT_TRUE(server.WaitForOpen(0));
  EXPECT_EQ(stage.idle(), 0U);
  const Result<Incoming> answer = stage.Send();
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->resent);
}

// Waits until the client sees that its idle connection is of no use any more.
bool AwaitStale(ClientStage& stage) {
  for (int i = 0; i < 1000 && stage.idle() > 0; ++i) std::this_thread::sleep_for(5ms);
  return stage.idle() == 0;
}

TEST(ClientTest, SeesThatTheServerHasClosedAnIdleConnection) {
  ScriptedServer server;
  ClientStage stage(server.url());
  ASSERT_TRUE(stage.Send());
  server.CloseConnections();
  ASSERT_TRUE(AwaitStale(stage));
  const Result<Incoming> answer = stage.Send("again");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_FALSE(answer->resent);
  EXPECT_EQ(server.requests().back().body, "again");
  EXPECT_EQ(server.connections(), 2);
}

TEST(ClientTest, ResendsOnceWhenAReusedConnectionIsStale) {
  ScriptedServer server({Reply(200), Reply::Raw(""), Reply(201)});
  ClientStage stage(server.url());
  ASSERT_TRUE(stage.Send());
  const Result<Incoming> answer = stage.Send("again");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 201);
  EXPECT_TRUE(answer->resent);
  EXPECT_EQ(server.requests().back().body, "again");
  EXPECT_EQ(server.connections(), 2);
}

// A receiver that answers twice, or sends a body where there is none, must not acknowledge what comes next.
TEST(ClientTest, BytesOnAnIdleConnectionAreNoAnswer) {
  const std::string first = "HTTP/1.1 204 No Content\r\n\r\n";
  for (const std::string more : {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "ok"}) {
    ScriptedServer server({Reply::Raw(first + more, Reply::After::kKeepOpen).Dripping(first.size(), 50ms), Reply(500)});
    ClientStage stage(server.url());
    ASSERT_EQ(stage.Send()->status, 204);
    ASSERT_TRUE(AwaitStale(stage));
    const Result<Incoming> answer = stage.Send();
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->status, 500);
    EXPECT_FALSE(answer->resent);
    EXPECT_EQ(server.requests().size(), 2U);
  }
}

TEST(ClientTest, ResendsOnlyOnce) {
  ScriptedServer server({Reply(200), Reply::Raw(""), Reply::Raw("")});
  ClientStage stage(server.url());
  ASSERT_TRUE(stage.Send());
  ExpectError(stage.Send(), Errc::kUnavailable, "waiting for the answer: the other side closed the connection");
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST(ClientTest, DoesNotResendOnceTheAnswerHasBegun) {
  ScriptedServer server({Reply(200), Reply::Raw("HTTP/1.1 2", Reply::After::kClose)});
  ClientStage stage(server.url());
  ASSERT_TRUE(stage.Send());
  ExpectError(stage.Send(), Errc::kUnavailable, "reading the answer");
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST(ClientTest, DoesNotResendOnANewConnection) {
  ScriptedServer server({Reply::Raw("")});
  ClientStage stage(server.url());
  ExpectError(stage.Send(), Errc::kUnavailable, "closed the connection");
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(ClientTest, ARequestThatMustNotBeSentTwiceGetsANewConnection) {
  ScriptedServer server;
  ClientStage stage(server.url());
  ASSERT_TRUE(stage.Send());
  server.CloseConnections();
  const Result<Incoming> answer = stage.Send("once", 20s, false);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_FALSE(answer->resent);
  EXPECT_EQ(server.requests().size(), 2U);
  ASSERT_TRUE(stage.Send("once more", 20s, false));
  EXPECT_EQ(server.connections(), 3) << "the second was open, but might have been closed just then";
}

// What a proxy says to an idle connection before closing it is no answer to the request that comes later.
TEST(ClientTest, AGoodbyeOnAnIdleConnectionIsNoAnswer) {
  const std::string first = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const std::string goodbye = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  ScriptedServer server({Reply::Raw(first + goodbye, Reply::After::kClose).Dripping(first.size(), 100ms)});
  ClientStage stage(server.url());
  ASSERT_EQ(stage.Send()->status, 200);
  ASSERT_TRUE(server.WaitForOpen(0));
  const Result<Incoming> answer = stage.Send();
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 200);
}

TEST(ClientTest, AnAnswerBeforeTheRequestIsReadCounts) {
  ScriptedServer server({Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", Reply::After::kReset)});
  ClientStage stage(server.url());
  const Result<Incoming> answer = stage.Send();
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->body, "ab");
}

TEST(ClientTest, CutsAHugeAnswerButKeepsItsStatus) {
  for (const char* framing : {"Content-Length: 1073741824", "X-Framing: none"}) {
    ScriptedServer server({Reply::Raw(std::string("HTTP/1.1 200 OK\r\n") + framing + "\r\n\r\n")
                               .Repeated(std::string(1 << 20, 'x'), 1024)});
    ClientStage stage(server.url());
    const Result<Incoming> answer = stage.Send();
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, std::string(4096, 'x'));
    EXPECT_EQ(stage.idle(), 0U);
    EXPECT_TRUE(server.WaitForOpen(0)) << "the rest is not read";
  }
}

TEST(ClientTest, SaysWhenTheAnswerIsNotHttp) {
  ScriptedServer server({Reply::Raw("220 mail.example ESMTP\r\n"),
                         Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
                         Reply::Raw("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n")});
  ClientStage stage(server.url());
  const std::string host = "127.0.0.1:" + std::to_string(server.port());
  ExpectError(stage.Send(), Errc::kInvalid, host);
  ExpectError(stage.Send(), Errc::kInvalid, "not HTTP/1");
  ExpectError(stage.Send(), Errc::kInvalid, "too long");
  EXPECT_EQ(stage.idle(), 0U);
}

TEST(ClientTest, AResetInTheMiddleOfAnAnswerIsAFailure) {
  ScriptedServer server({Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Reply::After::kReset),
                         Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Reply::After::kClose)});
  ClientStage stage(server.url());
  ExpectError(stage.Send(), Errc::kUnavailable, "reset");
  ExpectError(stage.Send(), Errc::kUnavailable, "reading the answer: the other side closed the connection");
}

TEST(ClientTest, ErrorsNeverHoldTheRequest) {
  ScriptedServer server({Reply::Raw("")});
  ClientStage stage(server.url("/hook/secret?token=secret"));
  const Result<Incoming> answer = stage.Send("secret");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().detail, AllOf(HasSubstr("127.0.0.1"), Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace portcall::http
