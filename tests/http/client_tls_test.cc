#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <optional>
#include <stdexcept>

#include "runtime/gate.h"
#include "runtime/http/socket_stream.h"
#include "runtime/http/sockets.h"
#include "tests/http/client_stage.h"
#include "tests/support/certificates.h"

namespace portcall::http {
namespace {

using testing::CertificateAuthority;
using ::testing::HasSubstr;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

// Answers each request on a connection with 200, once its body ("hello") is whole: head and body may come in two
// records.
class TlsEcho {
 public:
  explicit TlsEcho(const CertificateAuthority::Leaf& leaf) {
    // By hand, because the server's own loader refuses what has expired.
    tls_ = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    tls_->use_certificate_chain_file(leaf.certificate);
    tls_->use_private_key_file(leaf.key, asio::ssl::context::pem);
    runner_.Call([this] {
      acceptor_.emplace(runner_.executor(), asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
      port_ = acceptor_->local_endpoint().port();
      runtime::Spawn(runner_.executor(), gate_, Serve(), [this] { acceptor_->close(); });
    });
  }
  ~TlsEcho() {
    runner_.Call([this] { gate_.Close(); });
    runner_.Run(gate_.Drained());
    runner_.Call([this] { acceptor_.reset(); });
  }
  std::string url(const std::string& host) const { return "https://" + host + ":" + std::to_string(port_) + "/"; }
  std::uint16_t port() const { return port_; }
  int handshakes() const { return handshakes_; }

 private:
  Task<> Serve() {
    while (true) {
      Socket socket(runner_.executor());
      const auto [ec] = co_await acceptor_->async_accept(socket, nothrow);
      if (ec) co_return;
      Result<std::unique_ptr<ByteStream>> stream = co_await AcceptTls(std::move(socket), tls_, std::chrono::seconds(5));
      if (!stream) continue;
      ++handshakes_;
      (*stream)->ExpiresAfter(std::chrono::seconds(5));
      char block[4096];
      const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
      for (std::string request;;) {
        const IoResult got = co_await (*stream)->Read(asio::buffer(block));
        if (got.ec) break;
        request.append(block, got.n);
        if (!request.ends_with("hello")) continue;
        request.clear();
        const asio::const_buffer bytes = asio::buffer(answer);
        co_await (*stream)->Write({&bytes, 1});
      }
    }
  }

  testing::LoopRunner runner_;
  TlsContext tls_;
  runtime::Gate gate_;
  std::optional<Acceptor> acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<int> handshakes_ = 0;
};

ClientOptions Trusting(const std::string& ca, bool insecure = false) {
  ClientTls files;
  files.ca = ca;
  files.insecure_skip_verify = insecure;
  ClientOptions options;
  Result<TlsContext> tls = MakeClientTls(files);
  if (!tls) throw std::runtime_error(tls.error().detail);
  options.tls = *tls;
  return options;
}

void ExpectRefused(const Result<Incoming>& answer, const std::string& reason) {
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::kUnavailable);
  EXPECT_THAT(answer.error().detail, HasSubstr("the TLS handshake: "));
  EXPECT_THAT(answer.error().detail, HasSubstr("the certificate was refused: " + reason));
}

TEST(ClientTlsTest, TrustsItsAuthorityForTheRightNameAndReusesTheConnection) {
  CertificateAuthority ca;
  TlsEcho server(ca.Issue("DNS:localhost"));
  ClientStage stage(server.url("localhost"), Trusting(ca.file()));
  for (int i = 0; i < 2; ++i) {
    const Result<Incoming> answer = stage.Send();
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->body, "secret");
  }
  EXPECT_EQ(server.handshakes(), 1);
}

TEST(ClientTlsTest, TrustsAnAddressThatTheCertificateNames) {
  CertificateAuthority ca;
  TlsEcho server(ca.Issue("IP:127.0.0.1"));
  ClientStage stage(server.url("127.0.0.1"), Trusting(ca.file()));
  const Result<Incoming> answer = stage.Send();
  EXPECT_TRUE(answer) << answer.error().detail;
}

TEST(ClientTlsTest, RefusesAnotherHostsCertificate) {
  CertificateAuthority ca;
  TlsEcho server(ca.Issue("DNS:other.example"));
  ClientStage by_name(server.url("localhost"), Trusting(ca.file()));
  ExpectRefused(by_name.Send(), "hostname mismatch");
  ClientStage by_address(server.url("127.0.0.1"), Trusting(ca.file()));
  ExpectRefused(by_address.Send(), "IP address mismatch");
}

TEST(ClientTlsTest, RefusesAnUnknownAuthority) {
  CertificateAuthority ca, other("Another CA");
  TlsEcho server(ca.Issue("DNS:localhost"));
  ClientStage stage(server.url("localhost"), Trusting(other.file()));
  ExpectRefused(stage.Send(), "unable to get local issuer certificate");
}

TEST(ClientTlsTest, RefusesAnExpiredCertificate) {
  CertificateAuthority ca;
  TlsEcho server(ca.Issue("DNS:localhost", -std::chrono::hours(1)));
  ClientStage stage(server.url("localhost"), Trusting(ca.file()));
  ExpectRefused(stage.Send(), "certificate has expired");
}

TEST(ClientTlsTest, VerifiesNothingWhenToldSo) {
  CertificateAuthority ca, other("Another CA");
  TlsEcho server(ca.Issue("DNS:other.example"));
  ClientStage stage(server.url("localhost"), Trusting(other.file(), true));
  const Result<Incoming> answer = stage.Send();
  EXPECT_TRUE(answer) << answer.error().detail;
}

Task<IoResult> ShakeHands(Executor executor, TlsContext tls, std::uint16_t port, std::string host) {
  const auto stream = TlsClientStream(Socket(executor), std::move(tls), host);
  stream->ExpiresAfter(std::chrono::seconds(5));
  co_await stream->Connect(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port));
  co_return co_await stream->Handshake();
}

// A host with the dot of its root (RFC 1034 §3.1) has the certificate of the host without it.
TEST(ClientTlsTest, ATrailingDotIsNoPartOfTheName) {
  CertificateAuthority ca;
  TlsEcho server(ca.Issue("DNS:receiver.example"));
  testing::LoopRunner runner;
  const auto shake = [&](const std::string& host) {
    return runner.Run(ShakeHands(runner.executor(), Trusting(ca.file()).tls, server.port(), host)).ec.message();
  };
  EXPECT_EQ(shake("receiver.example."), "Success");
  EXPECT_EQ(shake("receiver.example"), "Success");
  EXPECT_THAT(shake("other.example."), HasSubstr("hostname mismatch"));
}

}  // namespace
}  // namespace portcall::http
