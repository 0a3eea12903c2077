#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <future>

#include "runtime/http/server.h"
#include "tests/http/fixture.h"

namespace portcall::http {
namespace {

using runtime::Cached;

std::string Get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n"; }

bool NothingHasCome(const RawClient& client) {
  char next = 0;
  return ::recv(client.fd(), &next, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

class ServerFiles : public ::testing::TestWithParam<std::optional<Cached>> {
 protected:
  ~ServerFiles() override { Release(); }

  // The lane's thread waits, as for a disk that does not answer.
  void Hold() {
    asio::post(pool_, [held = until_.get_future().share()] { held.wait(); });
  }
  void Release() {
    if (!std::exchange(released_, true)) until_.set_value();
  }

  std::promise<void> until_;
  bool released_ = false;
  asio::thread_pool pool_{1};
  TestServer server_{{}, nullptr, "127.0.0.1:0", {&pool_, GetParam()}};
};

TEST_P(ServerFiles, AreSentWholeAndInParts) {
  RawClient client(server_.port());
  for (int i = 0; i < 2; ++i) {
    client.Send(Get("/file"));
    EXPECT_EQ(BodyOf(client.ReadResponse()), server_.file());
    client.Send(Get("/range"));
    EXPECT_EQ(BodyOf(client.ReadResponse()), server_.file().substr(100, 5));
  }
}

TEST_P(ServerFiles, CloseWhenShorterThanPromised) {
  RawClient client(server_.port());
  client.Send(Get("/short-file"));
  EXPECT_LE(BodyOf(client.ReadToEnd()).size(), server_.file().size());
  EXPECT_THAT(server_.exchanges(), ::testing::ElementsAre(::testing::EndsWith("cut 500")));
}

INSTANTIATE_TEST_SUITE_P(Lane, ServerFiles, ::testing::Values(std::nullopt, Cached::kNo, Cached::kUnknown));

using ServerSlowFiles = ServerFiles;

TEST_P(ServerSlowFiles, StopNoOtherConnectionOfTheirLoop) {
  Hold();
  RawClient file(server_.port());
  file.Send(Get("/file"));
  file.ReadUntil("\r\n\r\n");
  RawClient range(server_.port());  // on the other loop
  range.Send(Get("/range"));
  for (int i = 0; i < 4; ++i) {
    RawClient other(server_.port());
    other.Send(Get("/hello"));
    EXPECT_EQ(StatusOf(other.ReadResponse()), 200);
  }
  EXPECT_TRUE(NothingHasCome(file));
  EXPECT_TRUE(NothingHasCome(range));
  Release();
  EXPECT_EQ(file.ReadBytes(server_.file().size()), server_.file());
  EXPECT_EQ(BodyOf(range.ReadResponse()), server_.file().substr(100, 5));
}

INSTANTIATE_TEST_SUITE_P(Lane, ServerSlowFiles, ::testing::Values(Cached::kNo, Cached::kUnknown));

}  // namespace
}  // namespace portcall::http
