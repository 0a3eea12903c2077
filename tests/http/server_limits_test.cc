#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/http/server.h"
#include "tests/http/fixture.h"
#include "tests/support/certificates.h"

namespace portcall::http {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"; }

TlsContext Served(testing::CertificateAuthority& ca, bool clients = false) {
  const auto leaf = ca.Issue("DNS:localhost,IP:127.0.0.1");
  ServerTls options;
  options.certificate = leaf.certificate;
  options.key = leaf.key;
  if (clients) options.client_cas = {ca.file()};
  return *MakeServerTls(options);
}

// What the handshake of a client without a certificate that offers `protocols` (ALPN's form) agrees on; "failed".
std::string Agreed(std::uint16_t port, const std::string& protocols) {
  const RawClient client(port);
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                      static_cast<unsigned>(protocols.size()));
  SSL_set_fd(ssl.get(), client.fd());
  if (SSL_connect(ssl.get()) != 1) return "failed";
  const unsigned char* chosen = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl.get(), &chosen, &length);
  return std::string(reinterpret_cast<const char*>(chosen), length);
}

TEST(Limits, AReaderThatTakesNothingIsCutAndThatIsTold) {
  TestServer server({.body_stall = milliseconds(150)});
  RawClient client(server.port());
  client.Send(Get("/big"));
  server.WaitForExchanges(1);
  ASSERT_EQ(server.exchanges().size(), 1u);
  EXPECT_THAT(server.exchanges()[0], StartsWith("GET /big 200 0 "));
  EXPECT_THAT(server.exchanges()[0], EndsWith(" cut 499"));
}

// Each step is shorter than the stall, and what is sent at a time takes longer. The kernel opens a full window again
// only once a part of the buffer has been read, so that is small here.
TEST(Limits, ASlowReaderIsNotCut) {
  constexpr milliseconds kStall(1'000), kStep(50);
  TestServer server({.body_stall = kStall});
  RawClient client(server.port());
  const int buffer = 65'536;
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  client.Send(Get("/big"));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  std::size_t read = 0;
  const auto until = std::chrono::steady_clock::now() + 3 * kStall;
  while (std::chrono::steady_clock::now() < until) {
    read += client.ReadBytes(16'384).size();
    std::this_thread::sleep_for(kStep);
  }
  EXPECT_TRUE(server.exchanges().empty()) << "it was cut";
  read += client.ReadBytes((8u << 20) - read).size();
  EXPECT_EQ(read, 8u << 20);
  server.WaitForExchanges(1);
  EXPECT_THAT(server.exchanges(), ElementsAre("GET /big 200 0 " + std::to_string(8 << 20)));
}

// Takes something all the time, so that nothing stalls.
TEST(Limits, AReaderThatIsTooSlowIsCut) {
  TestServer server({.body_stall = milliseconds(1'000), .body_min_rate = 1 << 30});
  RawClient client(server.port());
  const int buffer = 65'536;
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  client.Send(Get("/big"));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (server.exchanges().empty() && std::chrono::steady_clock::now() < until) {
    client.ReadBytes(16'384);
    std::this_thread::sleep_for(milliseconds(50));
  }
  ASSERT_EQ(server.exchanges().size(), 1u);
  EXPECT_THAT(server.exchanges()[0], EndsWith(" cut 499"));
}

// As over a bad line: a KiB a second.
TEST(Limits, AReaderOfAKibibyteASecondIsNotCut) {
  TestServer server({.body_stall = milliseconds(4'000)});
  RawClient client(server.port(), 1, true);
  client.Send(Get("/big"));
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(client.ReadBytes(1'024).size(), 1'024u);
    std::this_thread::sleep_for(milliseconds(1'000));
  }
  EXPECT_TRUE(server.exchanges().empty()) << "it was cut";
}

// Busy, too: its body is being read, and it sends no more of it.
std::unique_ptr<RawClient> SlowWriter(std::uint16_t port, std::uint8_t host) {
  auto client = std::make_unique<RawClient>(port, host);
  client->Send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client->ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 100"));
  client->Send("half");
  return client;
}

TEST(Limits, AnAddressWithMostPlacesGivesUpItsSlowOnes) {
  TestServer server({.connections = 4, .crowd_window = milliseconds(300)});
  std::vector<std::unique_ptr<RawClient>> slow;
  slow.push_back(SlowWriter(server.port(), 2));
  for (int i = 0; i < 3; ++i) slow.push_back(SlowReader(server.port(), 2));
  RawClient other(server.port());
  other.Send(Get("/new"));
  EXPECT_THAT(other.ReadResponse(), EndsWith("GET /new"));
  server.WaitForExchanges(2);
  EXPECT_THAT(server.incidents(), ElementsAre(StartsWith("4 127.0.0.2 0 ended to make room")));
  EXPECT_THAT(server.exchanges(), Contains(EndsWith(" gave room 499")));
}

// Whoever is pushed out has sent nothing, or nothing that is still to be read.
TEST(Limits, ARequestThatHasComeIsAnsweredHoweverManyComeAtOnce) {
  TestServer server({.connections = 2});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->Send(Get("/" + std::to_string(i)));
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    EXPECT_THAT(clients[i]->ReadResponse(), EndsWith("GET /" + std::to_string(i)));
  }
}

TEST(Limits, WhoHasAQuarterOfThePlacesKeepsThemHoweverSlow) {
  TestServer server({.connections = 4, .crowd_window = milliseconds(100)});
  std::vector<std::unique_ptr<RawClient>> slow;
  for (std::uint8_t host = 2; host < 6; ++host) {
    slow.push_back(SlowReader(server.port(), host));
  }
  RawClient other(server.port());
  other.Send(Get("/new"));
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_TRUE(server.incidents().empty());
  slow.pop_back();
  EXPECT_THAT(other.ReadResponse(), EndsWith("GET /new"));
}

TEST(Limits, WhoWaitsForTheServerIsNotSlow) {
  TestServer server({.connections = 1, .crowd_window = milliseconds(100)});
  RawClient busy(server.port());
  busy.Send(Get("/wait"));
  server.WaitForWaiting();
  RawClient other(server.port());
  other.Send(Get("/new"));
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_TRUE(server.incidents().empty());
  server.Release();
  EXPECT_EQ(StatusOf(busy.ReadResponse()), 200);
  EXPECT_THAT(other.ReadResponse(), EndsWith("GET /new"));
}

TEST(Limits, AClientThatGoesAwayAndAFileThatEndsAreTold) {
  TestServer server;
  {
    RawClient client(server.port());
    client.Send(Get("/big"));
    client.ReadBytes(1'000);
    const linger at_once{1, 0};
    ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  server.WaitForExchanges(1);
  RawClient client(server.port());
  client.Send(Get("/short-file"));
  client.ReadToEnd();
  server.WaitForExchanges(2);
  ASSERT_EQ(server.exchanges().size(), 2u);
  EXPECT_THAT(server.exchanges()[0], EndsWith(" cut 499"));
  EXPECT_THAT(server.exchanges()[1], EndsWith(" cut 500"));
}

TEST(Limits, AHalfSentHeadMakesRoomForANewConnection) {
  TestServer server({.connections = 3});
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 3; ++i) {
    slow.push_back(std::make_unique<RawClient>(server.port()));
    slow.back()->Send("GET / HTTP/1.1\r\nHo");
  }
  while (server.server().connections() < 3) std::this_thread::yield();
  for (int i = 0; i < 5; ++i) {
    RawClient client(server.port());
    client.Send(Get("/new"));
    EXPECT_THAT(client.ReadResponse(), EndsWith("GET /new"));
  }
  EXPECT_TRUE(slow[0]->AtEnd() || slow[1]->AtEnd()) << "the first of one of the two loops";
  ASSERT_FALSE(server.incidents().empty());
  EXPECT_THAT(server.incidents()[0], StartsWith("4 127.0.0.1 0 "));
}

TEST(Limits, NothingIsClosedWhileNobodyWaitsOrAllAreBusy) {
  TestServer server({.connections = 2});
  RawClient idle(server.port()), busy(server.port());
  idle.Send(Get("/1"));
  idle.ReadResponse();
  busy.Send(Get("/wait"));
  server.WaitForWaiting();
  idle.Send(Get("/2"));
  EXPECT_THAT(idle.ReadResponse(), EndsWith("GET /2"));
  EXPECT_TRUE(server.incidents().empty());
  RawClient third(server.port());
  third.Send(Get("/3"));
  EXPECT_THAT(third.ReadResponse(), EndsWith("GET /3"));
  EXPECT_TRUE(idle.AtEnd());
  server.Release();
  EXPECT_EQ(StatusOf(busy.ReadResponse()), 200) << "a request under way is never closed";
}

TEST(Limits, RefusedHeadsAreTold) {
  TestServer server({.head_timeout = milliseconds(100)});
  RawClient malformed(server.port()), slow(server.port());
  malformed.Send("nonsense\r\n\r\n");
  malformed.ReadToEnd();
  server.WaitForIncidents(1);
  slow.Send("GET / HTTP/1.1\r\nHo");
  slow.ReadToEnd();
  server.WaitForIncidents(2);
  EXPECT_THAT(server.incidents(), ElementsAre("0 127.0.0.1 400 malformed HTTP request",
                                              "1 127.0.0.1 408 The request's head took too long."));
  EXPECT_TRUE(server.exchanges().empty());
}

TEST(Limits, FailedHandshakesAreTold) {
  testing::CertificateAuthority ca;
  TestServer server({}, Served(ca));
  RawClient plain(server.port()), nonsense(server.port());
  plain.Send(Get("/"));
  plain.ReadToEnd();
  server.WaitForIncidents(1);
  nonsense.Send(std::string("\x16\x03\x01\x00\x05hello", 10));
  nonsense.ReadToEnd();
  server.WaitForIncidents(2);
  ASSERT_EQ(server.incidents().size(), 2u);
  EXPECT_THAT(server.incidents()[0], HasSubstr("2 127.0.0.1 0 the client spoke plain HTTP"));
  EXPECT_THAT(server.incidents()[1], StartsWith("2 127.0.0.1 0 "));
}

TEST(Limits, AClientWithoutItsCertificateIsTold) {
  testing::CertificateAuthority ca;
  TestServer server({}, Served(ca, true));
  EXPECT_EQ(Agreed(server.port(), "\x08http/1.1"), "failed");
  server.WaitForIncidents(1);
  ASSERT_EQ(server.incidents().size(), 1u);
  EXPECT_THAT(server.incidents()[0], StartsWith("3 127.0.0.1 0 "));
}

TEST(Tls, OffersOfProtocolsAreAnswered) {
  testing::CertificateAuthority ca;
  TestServer server({}, Served(ca));
  EXPECT_EQ(Agreed(server.port(), "\x02h2\x08http/1.1"), "http/1.1");
  EXPECT_EQ(Agreed(server.port(), "\x08http/1.1"), "http/1.1");
  EXPECT_EQ(Agreed(server.port(), "\x02h2"), "") << "and the connection goes on without one";
}

TEST(Limits, WhoOnlyLooksWhetherThePortIsOpenIsNotTold) {
  testing::CertificateAuthority ca;
  TestServer server({}, Served(ca));
  {
    const RawClient look(server.port());
  }
  RawClient plain(server.port());
  plain.Send(Get("/"));
  plain.ReadToEnd();
  server.WaitForIncidents(1);
  EXPECT_EQ(server.incidents().size(), 1u);
}

}  // namespace
}  // namespace portcall::http
