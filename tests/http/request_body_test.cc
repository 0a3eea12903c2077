#include "runtime/http/request_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "tests/http/fixture.h"
#include "tests/support/loop_runner.h"

namespace portcall::http {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kEcho = "POST /echo HTTP/1.1\r\nHost: x\r\n";
const std::string kIgnore = "POST /ignore HTTP/1.1\r\nHost: x\r\n";
const std::string kAfter = "GET /after HTTP/1.1\r\nHost: x\r\n\r\n";

std::string Counted(const std::string& head, const std::string& body) {
  return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string Chunk(const std::string& data) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + data + "\r\n";
}

std::string Chunked(const std::string& head, const std::string& chunks) {
  return head + "Transfer-Encoding: chunked\r\n\r\n" + chunks;
}

std::string Pattern(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ',';
  text.resize(size);
  return text;
}

void ExpectUsable(RawClient& client) {
  client.Send(kAfter);
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /after"));
}

TEST(RequestBody, ReadsCountedBodies) {
  TestServer server;
  RawClient client(server.port());
  for (const std::size_t size : {0u, 1u, 5000u, 3'000'000u}) {
    client.Send(Counted(kEcho, Pattern(size)));
    EXPECT_EQ(BodyOf(client.ReadResponse()), Pattern(size));
  }
  ExpectUsable(client);
}

TEST(RequestBody, ReadsChunksWithExtensionsAndTrailers) {
  TestServer server;
  RawClient client(server.port());
  client.Send(
      Chunked(kEcho, "5;name=\"a b\"\r\nhello\r\n" + Chunk(" world") + "0\r\nX-Sum: 1\r\nContent-MD5: y\r\n\r\n"));
  EXPECT_EQ(BodyOf(client.ReadResponse()), "hello world");
  ExpectUsable(client);
}

TEST(RequestBody, ReadsChunksHoweverTheyAreCut) {
  TestServer server;
  RawClient client(server.port());
  const std::string whole = Chunked(kEcho, Chunk("abc") + Chunk(Pattern(40)) + "0\r\nT: x\r\n\r\n");
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    client.Send(whole.substr(0, cut));
    client.Send(whole.substr(cut));
    ASSERT_EQ(BodyOf(client.ReadResponse()), "abc" + Pattern(40)) << "cut at " << cut;
  }
  for (const char c : whole) client.Send({&c, 1});
  EXPECT_EQ(BodyOf(client.ReadResponse()), "abc" + Pattern(40));
}

TEST(RequestBody, ReadsLargeChunkedBodiesAndWhatIsPipelinedBehind) {
  TestServer server;
  RawClient client(server.port());
  const std::string body = Pattern(3'000'000);
  std::string chunks;
  for (std::size_t at = 0, size = 1; at < body.size(); at += size, size = size * 3 % 65'537 + 1) {
    chunks += Chunk(body.substr(at, size));
  }
  client.Send(Chunked(kEcho, chunks + "0\r\n\r\n") + kAfter);
  EXPECT_EQ(BodyOf(client.ReadResponse()), body);
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /after"));
}

class BadChunk : public ::testing::TestWithParam<const char*> {};

TEST_P(BadChunk, Is400AndTheConnectionCloses) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Chunked(kEcho, GetParam()) + kAfter);
  const std::string response = client.ReadToEnd();
  EXPECT_EQ(StatusOf(response), 400);
  EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(response, Not(HasSubstr("/after")));
}

INSTANTIATE_TEST_SUITE_P(RequestBody, BadChunk,
                         ::testing::Values("zz\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n",
                                           "0x5\r\nhello\r\n0\r\n\r\n", "5\r\nhello!!0\r\n\r\n",
                                           "\r\nhello\r\n0\r\n\r\n", "fffffffffffffffff\r\nhello\r\n",
                                           "5 6\r\nhello\r\n0\r\n\r\n"));

TEST(RequestBody, AnEndlessChunkLineIs400) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Chunked(kEcho, "5;x=" + std::string(40'000, 'x')));
  EXPECT_EQ(StatusOf(client.ReadToEnd()), 400);
}

TEST(RequestBody, ABodyCutShortIsNeverTakenForComplete) {
  TestServer server;
  RawClient counted(server.port());
  counted.Send(kEcho + "Content-Length: 10\r\n\r\nhello");
  counted.EndSending();
  EXPECT_EQ(StatusOf(counted.ReadToEnd()), 400);
  RawClient chunked(server.port());
  chunked.Send(Chunked(kEcho, Chunk("hello")));
  chunked.EndSending();
  EXPECT_EQ(StatusOf(chunked.ReadToEnd()), 400);
}

TEST(RequestBody, SaysContinueOnlyWhenTheHandlerReads) {
  TestServer server;
  RawClient client(server.port());
  client.Send(kEcho + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("hello");
  EXPECT_EQ(BodyOf(client.ReadResponse()), "hello");
  ExpectUsable(client);

  // Whether the body still comes cannot be known, so the connection ends.
  client.Send(kIgnore + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  const std::string response = client.ReadToEnd();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
}

TEST(RequestBody, OldClientsAreNotToldToContinue) {
  TestServer server;
  RawClient client(server.port());
  client.Send("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.0 200 OK"));
}

TEST(RequestBody, AnUnreadBodyIsDrainedUpToABound) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Counted(kIgnore, std::string(200'000, 'x')));
  EXPECT_EQ(BodyOf(client.ReadResponse()), "ignored");
  client.Send(Chunked(kIgnore, Chunk(std::string(200'000, 'x')) + "0\r\n\r\n"));
  EXPECT_EQ(BodyOf(client.ReadResponse()), "ignored");
  ExpectUsable(client);

  client.Send(kIgnore + "Content-Length: 300000\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(), HasSubstr("\r\nConnection: close\r\n"));
  RawClient endless(server.port());
  endless.Send(Chunked(kIgnore, Chunk(std::string(400'000, 'x'))));
  const std::string response = endless.ReadToEnd();
  EXPECT_EQ(StatusOf(response), 200);
  EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
}

// The handler had done its work without the body: what comes of it afterwards ends the connection alone.
TEST(RequestBody, AnAnswerStandsWhateverBecomesOfABodyThatNobodyRead) {
  TestServer server({.body_stall = std::chrono::milliseconds(100)});
  for (const std::string& sent : {kIgnore + "Content-Length: 10\r\n\r\nhello", Chunked(kIgnore, Chunk("hello")),
                                  Chunked(kIgnore, "zz\r\nhello\r\n0\r\n\r\n" + kAfter)}) {
    RawClient client(server.port());
    client.Send(sent);
    const std::string response = client.ReadToEnd();
    EXPECT_EQ(StatusOf(response), 200) << sent;
    EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_THAT(response, EndsWith("ignored"));
  }
}

// A peer that sends `first`, and then always has as much as is asked for, or a byte.
class EndlessStream : public ByteStream {
 public:
  enum class Pace : std::uint8_t { kDripping, kFlooding };
  explicit EndlessStream(Pace pace, std::string first = {}) : pace_(pace), first_(std::move(first)) {}

  Task<IoResult> Read(asio::mutable_buffer into) override {
    const std::size_t n = pace_ == Pace::kDripping ? 1 : into.size();
    std::memset(into.data(), 'x', n);
    first_.erase(0, first_.copy(static_cast<char*>(into.data()), n));
    co_return IoResult{{}, n};
  }
  Task<IoResult> Write(std::span<const asio::const_buffer> /*buffers*/) override { co_return IoResult{}; }
  Task<> Shutdown() override { co_return; }
  void ExpiresAfter(std::chrono::steady_clock::duration d) override { longest_ = std::max(longest_, d); }
  void ExpiresNever() override {}
  bool expired() const override { return false; }
  void Close() override {}
  std::chrono::steady_clock::duration longest() const { return longest_; }

 private:
  const Pace pace_;
  std::string first_;
  std::chrono::steady_clock::duration longest_{};
};

// A body whose head is there already.
struct StartedBody {
  explicit StartedBody(const std::string& head, ByteStream& stream) : body(stream, input, parser, limits) {
    std::size_t used = 0;
    parser.Start(request);
    EXPECT_EQ(parser.ParseHead(head, used), RequestParser::Step::kDone);
    body.Start();
  }
  const ServerLimits limits;
  InputBuffer input;
  RequestParser parser{limits.head_bytes, limits.head_fields};
  Request request;
  RequestBody body;
  portcall::testing::LoopRunner runner;
};

TEST(RequestBody, AnUnreadBodyIsDrainedForOneTimeInAllHoweverItComes) {
  constexpr std::chrono::milliseconds kPatience(50);
  constexpr std::uint64_t kEndless = std::uint64_t{1} << 40;
  EndlessStream stream(EndlessStream::Pace::kDripping);
  StartedBody started(kIgnore + "Content-Length: " + std::to_string(kEndless) + "\r\n\r\n", stream);
  EXPECT_FALSE(started.runner.Run(started.body.Drain(kEndless, kPatience)));
  EXPECT_EQ(started.body.fault_status(), 408);
  EXPECT_LE(stream.longest(), kPatience);
}

// A peer that sends a byte, and then nothing in time.
class StallingStream final : public EndlessStream {
 public:
  explicit StallingStream(std::function<void()> on_first)
      : EndlessStream(Pace::kDripping), on_first_(std::move(on_first)) {}
  Task<IoResult> Read(asio::mutable_buffer into) override {
    if (!on_first_) {
      expired_ = true;
      co_return IoResult{asio::error::timed_out, 0};
    }
    std::exchange(on_first_, nullptr)();
    co_return co_await EndlessStream::Read(into);
  }
  bool expired() const override { return expired_; }

 private:
  std::function<void()> on_first_;
  bool expired_ = false;
};

TEST(RequestBody, AStallIsNotLaidToMemoryThatWasWantedEarlier) {
  RequestBody* body = nullptr;
  StallingStream stream([&] { body->Interrupt(); });  // just as the byte has come
  StartedBody started(kIgnore + "Content-Length: 10\r\n\r\n", stream);
  body = &started.body;
  std::string bytes(10, ' ');
  EXPECT_EQ(*started.runner.Run(started.body.Read(bytes)), 1u);
  const Result<std::size_t> second = started.runner.Run(started.body.Read(bytes));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().detail, "the client stopped sending its body");
}

// What comes behind a body waits where nobody counts it, for as long as the next answer takes.
TEST(RequestBody, KeepsLittleOfWhatIsSentBehindChunks) {
  constexpr std::size_t kFree = 64UL * 1024;
  for (const std::size_t size : {1UL, 5'000UL, 256UL * 1024, (256UL * 1024) + 17, 4UL << 20}) {
    EndlessStream stream(EndlessStream::Pace::kFlooding, Chunk(Pattern(size)) + "0\r\n\r\n");
    StartedBody started(Chunked(kEcho, {}), stream);
    std::string handlers(4UL << 20, ' '), got;
    while (!started.body.done()) {
      const Result<std::size_t> n = started.runner.Run(started.body.Read(handlers));
      ASSERT_TRUE(n) << size;
      got.append(handlers, 0, *n);
    }
    EXPECT_EQ(got, Pattern(size));
    EXPECT_LE(started.input.size() + started.input.Prepare(1).size(), kFree) << size;
  }
}

TEST(RequestBody, ACountedBodyOverTheLimitIs413WithoutTheHandler) {
  TestServer server({.body_bytes = 1000});
  RawClient fits(server.port());
  fits.Send(Counted(kEcho, std::string(1000, 'x')));
  EXPECT_EQ(StatusOf(fits.ReadResponse()), 200);
  ExpectUsable(fits);
  RawClient over(server.port());
  over.Send(kEcho + "Content-Length: 1001\r\n\r\n");
  const std::string response = over.ReadToEnd();
  EXPECT_EQ(StatusOf(response), 413);
  EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
}

TEST(RequestBody, AChunkedBodyOverTheLimitIs413) {
  TestServer server({.body_bytes = 1000});
  RawClient client(server.port());
  client.Send(Chunked(kEcho, Chunk(std::string(1001, 'x')) + "0\r\n\r\n"));
  EXPECT_EQ(StatusOf(client.ReadToEnd()), 413);
}

TEST(RequestBody, AStalledBodyIs408) {
  TestServer server({.body_stall = std::chrono::milliseconds(100)});
  RawClient client(server.port());
  client.Send(kEcho + "Content-Length: 10\r\n\r\nhello");
  const std::string response = client.ReadToEnd();
  EXPECT_EQ(StatusOf(response), 408);
  EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
}

TEST(RequestBody, ATricklingBodyIs408) {
  TestServer server({.body_min_rate = 1'000'000, .body_rate_window = std::chrono::milliseconds(50)});
  RawClient client(server.port());
  client.Send(kEcho + "Content-Length: 1000000\r\n\r\n");
  // A byte at a time until the server has had enough: the next send then meets its answer.
  for (int i = 0; i < 2000 && server.exchanges().empty(); ++i) {
    client.Send("x");
    ::usleep(1000);
  }
  EXPECT_EQ(StatusOf(client.ReadToEnd()), 408);
}

TEST(RequestBody, CountsWhatWasReadForTheLog) {
  TestServer server;
  RawClient client(server.port());
  client.Send(Chunked(kEcho, Chunk("hello") + "0\r\n\r\n"));
  client.ReadResponse();
  ExpectUsable(client);
  EXPECT_EQ(server.exchanges().front(), "POST /echo 200 5 5");
}

}  // namespace
}  // namespace portcall::http
