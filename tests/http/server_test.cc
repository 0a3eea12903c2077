#include "runtime/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "tests/http/fixture.h"

namespace portcall::http {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Get(const std::string& path, const std::string& more = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n";
}

// The connection answers one more request: it was neither closed nor put out of step.
void ExpectUsable(RawClient& client) {
  client.Send(Get("/after"));
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /after"));
}

TEST(Server, AnswersWithLengthAndDate) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Get("/a?b=c"));
  const std::string response = client.ReadResponse();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("\r\nDate: "));
  EXPECT_THAT(response, HasSubstr("\r\nContent-Length: 10\r\n"));
  EXPECT_THAT(response, HasSubstr("\r\nX-Peer: 127.0.0.1\r\n"));
  EXPECT_THAT(response, Not(HasSubstr("Connection:")));
  EXPECT_THAT(response, EndsWith("GET /a?b=c"));
  ExpectUsable(client);
}

TEST(Server, WhoComesBeforeItOpensIsAnsweredThen) {
  runtime::Loop loop("door");
  std::atomic<bool> open = false, early = false;
  ServerOptions options, same;
  options.addr = "127.0.0.1:0";
  options.handler = [&](Request&) -> Task<Response> {
    if (!open) early = true;
    co_return Response();
  };
  auto server = Server::Listen(std::move(options), {&loop});
  ASSERT_TRUE(server);
  same.addr = (*server)->addresses().front();
  EXPECT_FALSE(Server::Listen(std::move(same), {&loop}));
  RawClient client((*server)->port());
  client.Send(Get("/"));
  pollfd answer{client.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&answer, 1, 100), 0);
  open = true;
  (*server)->Open();
  EXPECT_EQ(StatusOf(client.ReadResponse()), 200);
  EXPECT_FALSE(early);
}

TEST(Server, AServerThatNeverOpenedResetsWhoWaits) {
  runtime::Loop loop("door");
  ServerOptions options;
  options.addr = "127.0.0.1:0";
  auto server = Server::Listen(std::move(options), {&loop});
  ASSERT_TRUE(server);
  RawClient client((*server)->port());
  client.Send(Get("/"));
  server->reset();
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST(Server, AFailedAssertionEndsOneConnectionAndNoMore) {
  TestServer server;
  RawClient other(server.port());
  ExpectUsable(other);
  RawClient client(server.port());
  client.Send(Get("/assert"));
  EXPECT_EQ(StatusOf(client.ReadResponse()), 500);
  ExpectUsable(client);
  client.Send(Get("/assert-later"));
  EXPECT_THAT(client.ReadToEnd(), EndsWith("\r\n\r\n"));
  ExpectUsable(other);
  const auto bugs = server.bugs();
  ASSERT_EQ(bugs.size(), 2u);
  EXPECT_THAT(bugs[0], HasSubstr("assertion 'path != \"/assert\"' failed"));
  EXPECT_THAT(bugs[1], HasSubstr("fixture.cc"));
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  RawClient client(server.port());
  std::string requests, expected;
  for (int i = 0; i < 50; ++i) {
    requests += Get("/" + std::to_string(i));
    requests += "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  }
  client.Send(requests);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(BodyOf(client.ReadResponse()), "GET /" + std::to_string(i));
    EXPECT_EQ(BodyOf(client.ReadResponse()), "abc");
  }
}

TEST(Server, AcceptsAHeadByteByByte) {
  TestServer server;
  RawClient client(server.port());
  for (const char c : "\r\n" + Get("/slow", "X-Long: " + std::string(300, 'x') + "\r\n")) client.Send({&c, 1});
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /slow"));
  ExpectUsable(client);
}

TEST(Server, ClosesWhenEitherSideSaysSo) {
  TestServer server;
  RawClient asks(server.port());
  asks.Send(Get("/x", "Connection: close\r\n"));
  EXPECT_THAT(asks.ReadToEnd(), HasSubstr("\r\nConnection: close\r\n"));
  RawClient told(server.port());
  told.Send(Get("/close"));
  EXPECT_THAT(told.ReadToEnd(), HasSubstr("\r\nConnection: close\r\n"));
}

TEST(Server, SpeaksHttp10) {
  TestServer server;
  RawClient once(server.port());
  once.Send("GET /old HTTP/1.0\r\n\r\n");
  const std::string response = once.ReadToEnd();
  EXPECT_THAT(response, StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
  RawClient kept(server.port());
  kept.Send("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(kept.ReadResponse(), HasSubstr("\r\nConnection: keep-alive\r\n"));
  ExpectUsable(kept);
}

TEST(Server, SendsNoBodyForHeadAndNoContent) {
  TestServer server;
  RawClient client(server.port());
  client.Send("HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("Content-Length: " + std::to_string(server.file().size())));
  ExpectUsable(client);
  client.Send(Get("/no-content"));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), Not(HasSubstr("Content-Length")));
  ExpectUsable(client);
}

TEST(Server, SendsFilesRangesAndBigBodies) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Get("/file"));
  EXPECT_EQ(BodyOf(client.ReadResponse()), server.file());
  client.Send(Get("/range"));
  EXPECT_EQ(BodyOf(client.ReadResponse()), server.file().substr(100, 5));
  client.Send(Get("/big"));
  EXPECT_EQ(BodyOf(client.ReadResponse()), std::string(8 << 20, 'b'));
  ExpectUsable(client);
}

TEST(Server, ClosesWhenAFileIsShorterThanPromised) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Get("/short-file"));
  EXPECT_EQ(BodyOf(client.ReadToEnd()).size(), server.file().size());
}

TEST(Server, SendsWhatIsReadPieceByPiece) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Get("/stream"));
  EXPECT_EQ(BodyOf(client.ReadResponse()), server.file());
  client.Send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(StatusOf(client.ReadUntil("\r\n\r\n")), 200);
  ExpectUsable(client);
}

TEST(Server, ClosesWhenAStreamIsShorterThanPromised) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Get("/short-stream"));
  EXPECT_EQ(BodyOf(client.ReadToEnd()).size(), server.file().size());
}

TEST(Server, ABugIsA500AndTheConnectionGoesOn) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Get("/throw"));
  EXPECT_EQ(StatusOf(client.ReadResponse()), 500);
  ExpectUsable(client);
  EXPECT_THAT(server.bugs(), ElementsAre("a bug on purpose"));
}

TEST(Server, TellsOfEveryExchange) {
  TestServer server;
  RawClient client(server.port());
  client.Send("POST /echo?q HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  client.ReadResponse();
  client.Send(Get("/file"));
  client.ReadResponse();
  client.Send(Get("/throw", "Connection: close\r\n"));
  client.ReadToEnd();
  EXPECT_THAT(server.exchanges(),
              ElementsAre("POST /echo 200 3 3", "GET /file 200 0 " + std::to_string(server.file().size()),
                          "GET /throw 500 0 22"));
}

TEST(Server, WhatAHandlerLeavesIsOfItsRequestAlone) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Get("/leave?this"));
  client.ReadResponse();
  client.Send(Get("/ignore", "Connection: close\r\n"));
  client.ReadToEnd();
  EXPECT_THAT(server.exchanges(), ElementsAre("GET /leave 200 0 0 left this", "GET /ignore 200 0 7"));
}

struct BadHead {
  const char* name;
  std::string bytes;
  int status;
};
void PrintTo(const BadHead& bad, std::ostream* out) { *out << bad.name; }

class MalformedHead : public ::testing::TestWithParam<BadHead> {};

TEST_P(MalformedHead, IsRefusedAndTheConnectionCloses) {
  TestServer server;
  RawClient client(server.port());
  client.Send(GetParam().bytes);
  const std::string response = client.ReadToEnd();
  EXPECT_EQ(StatusOf(response), GetParam().status);
  EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(response.find("HTTP/", 1), std::string::npos) << "a second response: " << response;
  EXPECT_TRUE(server.exchanges().empty()) << "the handler was called";
}

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n";
const std::string kPost = "POST /echo HTTP/1.1\r\nHost: x\r\n";
const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
INSTANTIATE_TEST_SUITE_P(
    Server, MalformedHead,
    ::testing::Values(
        BadHead{"NotHttp", "hello there\r\n\r\n", 400}, BadHead{"NoVersion", "GET /\r\nHost: x\r\n\r\n", 400},
        BadHead{"Http2", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400}, BadHead{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
        BadHead{"TwoHosts", kGet + "Host: y\r\n\r\n", 400}, BadHead{"SpaceBeforeColon", kGet + "X : y\r\n\r\n", 400},
        BadHead{"BareNewlines", "GET / HTTP/1.1\nHost: x\n\n\r\n\r\n", 400},
        BadHead{"NulInValue", kGet + std::string("X: a\0b\r\n\r\n", 10), 400},
        BadHead{"RelativeTarget", "GET foo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadHead{"Connect", "CONNECT a:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadHead{"TlsHello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
        BadHead{"LengthAndChunked",
                kPost + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + kSmuggled, 400},
        BadHead{"ChunkedAndLength",
                kPost + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + kSmuggled, 400},
        BadHead{"TwoLengths", kPost + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + kSmuggled, 400},
        BadHead{"LengthList", kPost + "Content-Length: 5, 6\r\n\r\nhello" + kSmuggled, 400},
        BadHead{"NegativeLength", kPost + "Content-Length: -1\r\n\r\n", 400},
        BadHead{"SignedLength", kPost + "Content-Length: +5\r\n\r\nhello", 400},
        BadHead{"HugeLength", kPost + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
        BadHead{"UnknownCoding", kPost + "Transfer-Encoding: gzip\r\n\r\n" + kSmuggled, 501},
        BadHead{"DressedUpCoding", kPost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + kSmuggled, 501},
        BadHead{"CodingAfterChunked", kPost + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + kSmuggled, 501},
        BadHead{"ChunkedTwice", kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400},
        BadHead{"ChunkedInHttp10", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        BadHead{"UnknownExpectation", kGet + "Expect: a-miracle\r\n\r\n", 417},
        BadHead{"LongField", kGet + "X: " + std::string(70'000, 'x') + "\r\n\r\n", 431},
        BadHead{"LongTarget", "GET /" + std::string(70'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
        BadHead{"EndlessLine", "GET /" + std::string(70'000, 'x'), 431}),
    [](const auto& tested) { return tested.param.name; });

TEST(Server, BoundsAHeadOfManyFieldsThatComesInPieces) {
  TestServer server;
  RawClient client(server.port());
  client.Send(kGet);
  for (int i = 0; i < 1000; ++i) client.Send("X-" + std::to_string(i) + ": " + std::string(60, 'x') + "\r\n");
  client.Send("\r\n");
  EXPECT_EQ(StatusOf(client.ReadToEnd()), 431);
}

TEST(Server, TakesTheHostFromAnAbsoluteTarget) {
  TestServer server;
  RawClient client(server.port());
  client.Send("GET http://example.org/p?q HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /p?q"));
  ExpectUsable(client);
}

TEST(Server, CutsASlowHead) {
  TestServer server({.head_timeout = std::chrono::milliseconds(100)});
  RawClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHo");
  EXPECT_EQ(StatusOf(client.ReadToEnd()), 408);
}

// The deadline comes while a read has ended and its handler waits for its turn.
TEST(Server, CutsASlowHeadThatIsJustBeingRead) {
  constexpr std::chrono::milliseconds kTimeout(200);
  TestServer server({.head_timeout = kTimeout});
  RawClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\nA: ");
  std::this_thread::sleep_for(kTimeout / 2);
  server.Occupy(kTimeout);
  client.Send(std::string(20'000, 'b'));
  EXPECT_EQ(StatusOf(client.ReadToEnd()), 408);
}

TEST(Server, ClosesIdleConnectionsWithoutAWord) {
  TestServer server({.idle_timeout = std::chrono::milliseconds(100)});
  RawClient silent(server.port());
  EXPECT_TRUE(silent.AtEnd());
  RawClient client(server.port());
  client.Send(Get("/"));
  client.ReadResponse();
  EXPECT_TRUE(client.AtEnd());
}

TEST(Server, CutsAReaderThatStalls) {
  TestServer server({.body_stall = std::chrono::milliseconds(150)});
  RawClient client(server.port());
  client.Send(Get("/big") + Get("/big"));
  // Nothing is read until the server has given up, which its exchange shows.
  for (int i = 0; i < 500 && server.exchanges().empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ASSERT_EQ(server.exchanges().size(), 1u);
  EXPECT_LT(BodyOf(client.ReadToEnd()).size(), 8u << 20);
}

TEST(Server, AcceptsLaterWhatIsOverTheConnectionLimit) {
  TestServer server({.connections = 1});
  RawClient busy(server.port());
  busy.Send(Get("/wait"));
  server.WaitForWaiting();
  RawClient second(server.port());
  second.Send(Get("/2"));
  EXPECT_EQ(server.server().connections(), 1u);
  server.Release();
  EXPECT_EQ(StatusOf(busy.ReadResponse()), 200);
  EXPECT_THAT(second.ReadResponse(), EndsWith("GET /2"));
}

TEST(Server, ServesManyClientsAtOnce) {
  TestServer server;
  std::vector<std::jthread> clients;
  std::atomic<int> right = 0;
  for (int c = 0; c < 16; ++c) {
    clients.emplace_back([&, c] {
      RawClient client(server.port());
      for (int i = 0; i < 100; ++i) {
        const std::string body = std::to_string(c) + "-" + std::string(static_cast<std::size_t>(i * 97), 'x');
        client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                    body);
        right += BodyOf(client.ReadResponse()) == body;
      }
    });
  }
  clients.clear();
  EXPECT_EQ(right, 1600);
}

TEST(Server, GivesAHandlerLongerThanTheConnectionMayRest) {
  const milliseconds rest(200);
  TestServer server({.idle_timeout = rest});
  RawClient client(server.port());
  client.Send(Get("/wait"));
  server.WaitForWaiting();
  pollfd answer{client.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&answer, 1, static_cast<int>(2 * rest.count())), 0) << "it was closed, or answered by itself";
  server.Release();
  EXPECT_EQ(StatusOf(client.ReadResponse()), 200);
}

TEST(Server, AcceptsAnEmptyChunkedBodyByteByByte) {
  TestServer server;
  RawClient client(server.port());
  const int no_delay = 1;
  ::setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
  client.Send("POST /wait HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
  server.WaitForWaiting();
  server.Release();
  std::this_thread::sleep_for(milliseconds(20));  // so that the rest comes apart; whatever comes, the answer is one
  client.Send("\r");
  std::this_thread::sleep_for(milliseconds(20));
  client.Send("\n");
  EXPECT_EQ(StatusOf(client.ReadResponse()), 200);
  ExpectUsable(client);
}

}  // namespace
}  // namespace portcall::http
