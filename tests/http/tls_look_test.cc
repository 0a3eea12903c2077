#include "runtime/http/tls_look.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/http/fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_dir.h"

namespace portcall::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::CertificateAuthority;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr seconds kLong(30);

asio::ip::tcp::endpoint At(std::uint16_t port) { return {asio::ip::address_v4::loopback(), port}; }

TlsContext Served(const CertificateAuthority::Leaf& leaf, const std::vector<std::string>& client_cas = {}) {
  ServerTls options;
  options.certificate = leaf.certificate;
  options.key = leaf.key;
  options.client_cas = client_cas;
  return *MakeServerTls(options);
}

TEST(TlsLook, SeesTheCertificateThatIsSent) {
  CertificateAuthority ca;
  const auto leaf = ca.Issue("DNS:registry.example,IP:127.0.0.1,IP:::1", std::chrono::hours(48));
  TestServer server({}, Served(leaf));
  const auto sight = LookAtTls(At(server.port()), "registry.example", kLong);
  ASSERT_TRUE(sight) << sight.error().detail;
  EXPECT_THAT(sight->names, ElementsAre("registry.example", "127.0.0.1", "::1"));
  EXPECT_EQ(sight->length, 1);
  EXPECT_FALSE(sight->self_signed);
  EXPECT_THAT(sight->last_issuer, HasSubstr("Portcall Test CA"));
  EXPECT_NE(sight->refused, "");
  EXPECT_GT(sight->to, std::chrono::system_clock::now() + std::chrono::hours(47));
  EXPECT_LT(sight->to, std::chrono::system_clock::now() + std::chrono::hours(49));
  EXPECT_EQ(sight->fingerprint, LookAtChain(leaf.certificate)->fingerprint);
  EXPECT_NE(sight->fingerprint, LookAtChain(ca.file())->fingerprint);
  EXPECT_TRUE(server.bugs().empty());
}

TEST(TlsLook, AServerThatWantsACertificateShowsItsOwnBefore) {
  CertificateAuthority ca;
  TestServer server({}, Served(ca.Issue("DNS:registry.example"), {ca.file()}));
  const auto sight = LookAtTls(At(server.port()), "registry.example", kLong);
  ASSERT_TRUE(sight) << sight.error().detail;
  EXPECT_THAT(sight->names, ElementsAre("registry.example"));
}

TEST(TlsLook, WhoDoesNotSpeakTlsOrSaysNothingIsTold) {
  TestServer plain;
  const auto spoken = LookAtTls(At(plain.port()), "", kLong);
  ASSERT_FALSE(spoken);
  EXPECT_EQ(spoken.error().code, Errc::kUnavailable);
  EXPECT_THAT(spoken.error().detail, HasSubstr("the TLS handshake"));

  asio::io_context context;
  asio::ip::tcp::acceptor mute(context, At(0));
  const auto begun = std::chrono::steady_clock::now();
  const auto silent = LookAtTls(At(mute.local_endpoint().port()), "", milliseconds(50));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Errc::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(20));
  EXPECT_TRUE(LookAtPort(At(mute.local_endpoint().port()), kLong)) << "it accepts connections all the same";
}

TEST(TlsLook, TheCertificatesOfAFileAreSeenAsTheyWouldBeSent) {
  const portcall::testing::TempDir folder;
  CertificateAuthority ca, other;
  const auto leaf = ca.Issue("DNS:registry.example");
  const auto chain = [&folder](const std::vector<std::string>& files) {
    std::ofstream out(folder.File("chain.pem"));
    for (const std::string& file : files) out << std::ifstream(file).rdbuf();
    out.close();
    return *LookAtChain(folder.File("chain.pem"));
  };
  EXPECT_TRUE(chain({ca.file()}).self_signed);
  const TlsSight whole = chain({leaf.certificate, ca.file()});
  EXPECT_EQ(whole.length, 2);
  EXPECT_TRUE(whole.ordered && whole.own_root && !whole.self_signed);
  EXPECT_FALSE(chain({leaf.certificate, other.file()}).ordered);
}

TEST(TlsLook, APortWhereNobodyListensIsTold) {
  std::uint16_t port = 0;
  {
    asio::io_context context;
    port = asio::ip::tcp::acceptor(context, At(0)).local_endpoint().port();
  }
  const auto refused = LookAtPort(At(port), kLong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnavailable);
  EXPECT_FALSE(LookAtChain("/nonexistent"));
}

}  // namespace
}  // namespace portcall::http
