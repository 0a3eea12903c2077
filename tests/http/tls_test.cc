#include "runtime/http/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <fstream>
#include <future>

#include "runtime/http/socket_stream.h"
#include "tests/http/fixture.h"
#include "tests/support/certificates.h"

namespace portcall::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::CertificateAuthority;
using Leaf = CertificateAuthority::Leaf;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kHere = "DNS:localhost,IP:127.0.0.1";

ServerTls Options(const Leaf& pair) {
  ServerTls options;
  options.certificate = pair.certificate;
  options.key = pair.key;
  return options;
}

TlsContext Served(const Leaf& pair) {
  Result<TlsContext> tls = MakeServerTls(Options(pair));
  if (!tls) throw std::runtime_error(tls.error().detail);
  return *tls;
}

TlsContext Trusting(const std::string& ca) {
  ClientTls options;
  options.ca = ca;
  Result<TlsContext> tls = MakeClientTls(options);
  if (!tls) throw std::runtime_error(tls.error().detail);
  return *tls;
}

Task<Result<std::unique_ptr<ByteStream>>> Dial(Executor executor, asio::ip::tcp::endpoint to, TlsContext tls,
                                               std::string host) {
  std::unique_ptr<SocketStream> stream = TlsClientStream(Socket(executor), std::move(tls), host);
  stream->ExpiresAfter(seconds(10));
  const IoResult connected = co_await stream->Connect(to);
  if (connected.ec) co_return Error(Errc::kUnavailable, "connecting: " + connected.ec.message());
  const IoResult shaken = co_await stream->Handshake();
  if (shaken.ec) co_return Error(Errc::kUnavailable, "TLS handshake with " + host + ": " + shaken.ec.message());
  co_return std::unique_ptr<ByteStream>(std::move(stream));
}

// Dials, sends one request and reads to the end; what went wrong in brackets.
Task<std::string> Fetch(Executor executor, std::uint16_t port, TlsContext tls, std::string host, std::string request) {
  Result<std::unique_ptr<ByteStream>> stream =
      co_await Dial(executor, {asio::ip::address_v4::loopback(), port}, std::move(tls), host);
  if (!stream) co_return "[" + stream.error().detail + "]";
  (*stream)->ExpiresAfter(seconds(10));
  const asio::const_buffer out = asio::buffer(request);
  const IoResult sent = co_await (*stream)->Write(std::span(&out, 1));
  if (sent.ec) co_return "[" + sent.ec.message() + "]";
  std::string all, buffer(64 * 1024, '\0');
  while (true) {
    const IoResult got = co_await (*stream)->Read(asio::buffer(buffer));
    if (got.ec) break;
    all.append(buffer, 0, got.n);
  }
  co_await (*stream)->Shutdown();
  co_return all;
}

std::string Fetched(std::uint16_t port, TlsContext tls, const std::string& path,
                    const std::string& host = "localhost") {
  asio::io_context context;
  std::string result;
  asio::co_spawn(context,
                 Fetch(context.get_executor(), port, std::move(tls), host,
                       "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                 [&](std::exception_ptr, std::string text) { result = std::move(text); });
  context.run();
  return result;
}

TEST(Tls, ServesRequestsFilesAndBigBodies) {
  CertificateAuthority ca;
  const Leaf pair = ca.Issue(kHere);
  TestServer server({}, Served(pair));
  const TlsContext client = Trusting(ca.file());
  EXPECT_THAT(Fetched(server.port(), client, "/x"), EndsWith("GET /x tls"));
  EXPECT_THAT(Fetched(server.port(), client, "/x", "127.0.0.1"), EndsWith("GET /x tls"));
  EXPECT_EQ(BodyOf(Fetched(server.port(), client, "/file")), server.file());
  EXPECT_EQ(BodyOf(Fetched(server.port(), client, "/big")).size(), 8u << 20);
}

TEST(Tls, ClientsRefuseWhatTheyCannotTrust) {
  CertificateAuthority ca, other("Another CA");
  TestServer server({}, Served(ca.Issue(kHere)));
  EXPECT_THAT(Fetched(server.port(), Trusting(other.file()), "/x"), HasSubstr("the certificate was refused"));
  EXPECT_THAT(Fetched(server.port(), Trusting(ca.file()), "/x", "example.org"),
              AllOf(HasSubstr("TLS handshake with example.org"), HasSubstr("hostname mismatch")));
}

TEST(Tls, SkipsVerificationWhenTold) {
  CertificateAuthority ca;
  TestServer server({}, Served(ca.Issue(kHere)));
  ClientTls options;
  options.insecure_skip_verify = true;
  EXPECT_THAT(Fetched(server.port(), *MakeClientTls(options), "/x", "example.org"), EndsWith("GET /x tls"));
}

TEST(Tls, AReloadServesNewConnectionsWithTheNewCertificate) {
  CertificateAuthority before("Before"), after("After");
  TestServer server({}, Served(before.Issue(kHere)));
  EXPECT_THAT(Fetched(server.port(), Trusting(before.file()), "/x"), StartsWith("HTTP/1.1 200"));
  server.server().SetTls(Served(after.Issue(kHere)));
  EXPECT_THAT(Fetched(server.port(), Trusting(after.file()), "/x"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Fetched(server.port(), Trusting(before.file()), "/x"), HasSubstr("refused"));
}

TEST(Tls, SpeaksNoOlderVersionThanTheFileAllows) {
  CertificateAuthority ca;
  const Leaf pair = ca.Issue(kHere);
  for (const std::string minimum : {"tls1.2", "tls1.3"}) {
    ServerTls options = Options(pair);
    options.minimum = minimum;
    TestServer server({}, *MakeServerTls(options));
    const TlsContext old = Trusting(ca.file());
    SSL_CTX_set_max_proto_version(old->native_handle(), TLS1_2_VERSION);
    EXPECT_EQ(StatusOf(Fetched(server.port(), old, "/x")), minimum == "tls1.2" ? 200 : 0) << minimum;
    EXPECT_THAT(Fetched(server.port(), Trusting(ca.file()), "/x"), StartsWith("HTTP/1.1 200"));
  }
}

TEST(Tls, AsksForClientCertificates) {
  CertificateAuthority ca;
  CertificateAuthority clients("Clients");
  const Leaf known = clients.Issue("DNS:client");
  ServerTls options = Options(ca.Issue(kHere));
  options.client_cas = {clients.file()};
  TestServer server({}, *MakeServerTls(options));
  ClientTls client;
  client.ca = ca.file();
  EXPECT_EQ(StatusOf(Fetched(server.port(), *MakeClientTls(client), "/x")), 0);
  client.certificate = known.certificate;
  client.key = known.key;
  EXPECT_THAT(Fetched(server.port(), *MakeClientTls(client), "/x"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("GET /x tls CN=leaf ")));
}

TEST(Tls, TellsPlainClientsThatThePortIsNotPlain) {
  CertificateAuthority ca;
  TestServer server({}, Served(ca.Issue(kHere)));
  RawClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.ReadToEnd(), "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
}

TEST(Tls, TellsTlsClientsThatThePortIsPlain) {
  TestServer server;
  RawClient client(server.port());
  client.Send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  EXPECT_THAT(client.ReadToEnd(), HasSubstr("Client sent a TLS handshake to an HTTP server."));
}

TEST(Tls, CutsASilentHandshake) {
  CertificateAuthority ca;
  TestServer server({.head_timeout = milliseconds(100)}, Served(ca.Issue(kHere)));
  RawClient client(server.port());
  EXPECT_TRUE(client.AtEnd());
}

TEST(Tls, DrainEndsAHandshakeAtOnce) {
  CertificateAuthority ca;
  TestServer server({}, Served(ca.Issue(kHere)));
  RawClient client(server.port());
  while (server.server().connections() == 0) std::this_thread::yield();
  const auto before = std::chrono::steady_clock::now();
  server.server().Drain(seconds(30));
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(5));
}

TEST(Tls, BadServerFilesAreExplained) {
  CertificateAuthority ca;
  const Leaf good = ca.Issue(kHere), other = ca.Issue(kHere);
  const testing::TempDir folder;
  const auto write = [&folder](const std::string& name) {
    std::ofstream(folder.File(name)) << "not pem";
    return folder.File(name);
  };
  const auto error = [](const ServerTls& options) {
    const Result<TlsContext> tls = MakeServerTls(options);
    EXPECT_FALSE(tls);
    EXPECT_EQ(tls ? Errc::kInternal : tls.error().code, Errc::kInvalid);
    return tls ? "" : tls.error().detail;
  };
  EXPECT_THAT(error(Options({"/nowhere/a.crt", good.key})), HasSubstr("/nowhere/a.crt does not exist"));
  EXPECT_THAT(error(Options({write("text.crt"), good.key})), HasSubstr("text.crt holds no usable PEM certificate"));
  EXPECT_THAT(error(Options({good.certificate, write("text.key")})),
              HasSubstr("text.key holds no usable PEM private key"));
  EXPECT_THAT(error(Options({good.certificate, other.key})), HasSubstr("does not belong to certificate"));
  ServerTls options = Options(good);
  options.minimum = "tls2";
  EXPECT_THAT(error(options), HasSubstr("unknown minimum TLS version tls2"));
  options = Options(good);
  options.cipher_suites = {"ECDHE-RSA-AES128-SHA"};
  EXPECT_THAT(error(options), HasSubstr("unknown cipher suite"));
  options = Options(good);
  options.client_cas = {"/nowhere/ca.crt"};
  EXPECT_THAT(error(options), HasSubstr("CA file /nowhere/ca.crt does not exist"));
}

TEST(Tls, AnExpiredCertificateIsTakenAndItsEndIsKnown) {
  CertificateAuthority ca;
  const Leaf expired = ca.Issue(kHere, -std::chrono::hours(1)), good = ca.Issue(kHere, std::chrono::hours(1));
  EXPECT_TRUE(MakeServerTls(Options(expired)));
  EXPECT_TRUE(MakeClientTls({ca.file(), expired.certificate, expired.key}));
  const auto now = std::chrono::system_clock::now();
  const auto ended = CertificateEnd(expired.certificate), ends = CertificateEnd(good.certificate);
  ASSERT_TRUE(ended && ends);
  EXPECT_LT(*ended, now);
  EXPECT_GT(*ends, now);
  EXPECT_FALSE(CertificateEnd("/nowhere/a.crt"));
}

TEST(Tls, TakesGosSuiteNames) {
  CertificateAuthority ca;
  const Leaf pair = ca.Issue(kHere);
  ServerTls options = Options(pair);
  options.minimum = "tls1.3";
  options.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"};
  const Result<TlsContext> tls = MakeServerTls(options);
  ASSERT_TRUE(tls) << tls.error().detail;
  TestServer server({}, *tls);
  EXPECT_EQ(StatusOf(Fetched(server.port(), Trusting(ca.file()), "/x")), 200);
}

// OpenSSL is built without it, and files from Distribution list it beside others.
TEST(Tls, PassesOverTripleDesBesideOthers) {
  CertificateAuthority ca;
  ServerTls options = Options(ca.Issue(kHere));
  options.cipher_suites = {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"};
  EXPECT_TRUE(MakeServerTls(options));
  options.cipher_suites.pop_back();
  const Result<TlsContext> tls = MakeServerTls(options);
  ASSERT_FALSE(tls);
  EXPECT_THAT(tls.error().detail, HasSubstr("none of the cipher suites is supported"));
}

}  // namespace
}  // namespace portcall::http
