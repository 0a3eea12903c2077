#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "runtime/http/server.h"
#include "tests/http/fixture.h"

namespace portcall::http {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::StartsWith;

std::string Put(std::size_t announced, const std::string& body) {
  return "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(announced) + "\r\n\r\n" + body;
}

TEST(Limits, BodiesThatDoNotEndKeepOutLargeOnesAlone) {
  runtime::MemoryBudget budget(1 << 20);
  TestServer server({}, nullptr, "127.0.0.1:0", {}, &budget);
  const std::string large(600'000, 'b'), small(60'000, 's');
  auto stalled = std::make_unique<RawClient>(server.port());
  stalled->Send(Put(large.size() + 1, large));
  while (budget.held() < large.size() - runtime::MemoryBudget::kFree) std::this_thread::yield();

  RawClient other(server.port()), refused(server.port());
  refused.Send(Put(large.size(), large));
  const std::string answer = refused.ReadResponse();
  EXPECT_EQ(StatusOf(answer), 500) << "which the handler of the tests makes of it";
  EXPECT_THAT(answer, EndsWith("hold as much memory as they may (http.memory)"));
  EXPECT_EQ(budget.refused(), 1u);
  EXPECT_LE(budget.held(), budget.most());
  other.Send(Put(small.size(), small));
  EXPECT_EQ(BodyOf(other.ReadResponse()), small);

  other.Send(Put(large.size(), large));  // waits
  stalled.reset();
  EXPECT_EQ(BodyOf(other.ReadResponse()), large);
  server.WaitForExchanges(4);
  EXPECT_EQ(budget.held(), 0u);
}

// Holds what counts, and sends no more of it.
std::unique_ptr<RawClient> Holder(std::uint16_t port, runtime::MemoryBudget& budget, std::size_t bytes) {
  const std::uint64_t before = budget.held();
  auto client = std::make_unique<RawClient>(port);
  client->Send(Put(2 * bytes, std::string(bytes, 'h')));
  while (budget.held() < before + bytes - runtime::MemoryBudget::kFree) std::this_thread::yield();
  return client;
}

TEST(Limits, WhoSendsTooSlowlyGivesItsMemoryToWhoWaitsForIt) {
  constexpr std::size_t kLarge = 600'000;
  runtime::MemoryBudget budget(1 << 20);
  TestServer server({.crowd_window = milliseconds(300)}, nullptr, "127.0.0.1:0", {}, &budget);
  const auto slow = Holder(server.port(), budget, kLarge);
  RawClient other(server.port());
  other.Send(Put(kLarge, std::string(kLarge, 'o')));
  EXPECT_EQ(StatusOf(slow->ReadResponse()), 408);
  EXPECT_EQ(StatusOf(other.ReadResponse()), 200);
  EXPECT_EQ(budget.refused(), 0u);
  EXPECT_THAT(server.incidents(), ElementsAre(StartsWith("5 127.0.0.1 408 it sends its body too slowly")));
}

TEST(Limits, WhoMovesKeepsItsMemoryWhileOthersWait) {
  constexpr std::size_t kBytes = 300'000, kPiece = 100;
  runtime::MemoryBudget budget(1 << 20);
  TestServer server({.crowd_min_rate = 1, .crowd_window = milliseconds(1'000)}, nullptr, "127.0.0.1:0", {}, &budget);
  const auto moves = Holder(server.port(), budget, kBytes), slow = Holder(server.port(), budget, kBytes);
  std::size_t left = kBytes;
  while (server.exchanges().empty() && left > kPiece) {
    budget.CountRefusal();
    moves->Send(std::string(kPiece, 'h'));
    left -= kPiece;
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(StatusOf(slow->ReadResponse()), 408);
  moves->Send(std::string(left, 'h'));
  EXPECT_EQ(StatusOf(moves->ReadResponse()), 200);
}

TEST(Limits, WhoTakesAnAnswerTooSlowlyGivesItsMemoryToWhoWaitsForIt) {
  runtime::MemoryBudget budget(1 << 20);
  TestServer server({.crowd_window = milliseconds(300)}, nullptr, "127.0.0.1:0", {}, &budget);
  const auto slow = SlowReader(server.port(), 2);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (server.exchanges().empty() && std::chrono::steady_clock::now() < until) {
    budget.CountRefusal();
    std::this_thread::sleep_for(milliseconds(5));
  }
  server.WaitForExchanges(1);
  ASSERT_EQ(server.exchanges().size(), 1u);
  EXPECT_THAT(server.exchanges()[0], EndsWith(" gave room 499"));
  EXPECT_THAT(server.incidents(), ElementsAre(StartsWith("5 127.0.0.2 0 it takes its answer too slowly")));
}

// Faster than the least rate that all must have, and yet it would hold 8 MiB for minutes.
TEST(Limits, WhoHoldsMuchMustBeFasterWhileOthersWait) {
  runtime::MemoryBudget budget(1 << 20);
  const ServerLimits limits{
      .crowd_min_rate = 1, .crowd_window = milliseconds(300), .memory_hold = std::chrono::seconds(1)};
  TestServer server(limits, nullptr, "127.0.0.1:0", {}, &budget);
  const auto reads = SlowReader(server.port(), 2);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (server.exchanges().empty() && std::chrono::steady_clock::now() < until) {
    budget.CountRefusal();
    reads->ReadBytes(1'000);
    std::this_thread::sleep_for(milliseconds(5));
  }
  server.WaitForExchanges(1);
  ASSERT_EQ(server.exchanges().size(), 1u);
  EXPECT_THAT(server.exchanges()[0], EndsWith(" gave room 499"));
}

TEST(Limits, WhatAHandlerHeldIsGivenBackBeforeTheRestOfABodyIsAwaited) {
  runtime::MemoryBudget budget(1 << 20);
  TestServer server({}, nullptr, "127.0.0.1:0", {}, &budget);
  RawClient client(server.port());
  client.Send("PUT /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n");
  server.WaitForWaiting();
  EXPECT_GT(budget.held(), 0u);
  server.Release();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (budget.held() > 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(budget.held(), 0u);
  EXPECT_TRUE(server.exchanges().empty()) << "its body is still awaited";
  client.Send("x");
  EXPECT_EQ(StatusOf(client.ReadResponse()), 200);
}

}  // namespace
}  // namespace portcall::http
