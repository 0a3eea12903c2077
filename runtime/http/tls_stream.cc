#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <new>
#include <string_view>

#include "runtime/http/socket_stream.h"

namespace portcall::http {
namespace {

using asio::ssl::stream_base;

// What Go's server answers to a client that speaks plain HTTP on a TLS port.
constexpr std::string_view kPlainOnTls =
    "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

// OpenSSL's reason why a peer's certificate was rejected.
const boost::system::error_category& Verification() {
  struct Category final : boost::system::error_category {
    const char* name() const noexcept override { return "certificate"; }
    std::string message(int verdict) const override {
      return std::string("the certificate was refused: ") + X509_verify_cert_error_string(verdict);
    }
  };
  static const Category category;
  return category;
}

constexpr int kPlainHttp = 1;

const boost::system::error_category& Handshakes() {
  struct Category final : boost::system::error_category {
    const char* name() const noexcept override { return "handshake"; }
    std::string message(int) const override { return "the client spoke plain HTTP on a port for TLS"; }
  };
  static const Category category;
  return category;
}

class TlsStream final : public SocketStream {
 public:
  TlsStream(Socket socket, TlsContext tls, stream_base::handshake_type side)
      : SocketStream(std::move(socket)), tls_(std::move(tls)), ssl_(socket_, *tls_), side_(side) {
    if (side_ == stream_base::server) Prepare();
  }

  void Expect(const std::string& name);
  Task<IoResult> Handshake() override;
  std::string PeerSubject() const override;
  Task<IoResult> Read(asio::mutable_buffer into) override;
  Task<IoResult> Write(std::span<const asio::const_buffer> buffers) override;
  Task<> Shutdown() override;

 private:
  Task<bool> SpeaksPlainHttp();
  Task<> AnswerPlainHttp();

  TlsContext tls_;
  mutable asio::ssl::stream<Socket&> ssl_;  // mutable, because native_handle() is not const
  stream_base::handshake_type side_;
};

// OpenSSL compares the names itself, so that its verdict tells a wrong host from a wrong issuer.
void TlsStream::Expect(const std::string& name) {
  const std::string host = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;  // as no certificate has it
  SSL* const ssl = ssl_.native_handle();
  X509_VERIFY_PARAM* const expected = SSL_get0_param(ssl);
  error_code not_an_address;
  const asio::ip::address address = asio::ip::make_address(host, not_an_address);
  int set = 0;
  if (not_an_address) {
    // As the macro SSL_set_tlsext_host_name does, without its old-style cast.
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    set = X509_VERIFY_PARAM_set1_host(expected, host.data(), host.size());
  } else if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    set = X509_VERIFY_PARAM_set1_ip(expected, bytes.data(), bytes.size());
  } else {
    const auto bytes = address.to_v6().to_bytes();
    set = X509_VERIFY_PARAM_set1_ip(expected, bytes.data(), bytes.size());
  }
  if (set != 1) throw std::bad_alloc();
}

// A record of a handshake begins with 0x16; no method of HTTP does.
Task<bool> TlsStream::SpeaksPlainHttp() {
  const auto [ec] = co_await socket_.async_wait(Socket::wait_read, nothrow);
  if (ec) co_return false;
  char first = 0;
  const ssize_t n = ::recv(socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  co_return n == 1 && first >= 'A' && first <= 'Z';
}

Task<> TlsStream::AnswerPlainHttp() {
  error_code ignored;
  socket_.write_some(asio::buffer(kPlainOnTls), ignored);
  ExpiresAfter(kGoodbye);
  co_await Linger();
}

Task<IoResult> TlsStream::Handshake() {
  if (side_ == stream_base::server && co_await SpeaksPlainHttp()) {
    co_await AnswerPlainHttp();
    co_return IoResult{error_code(kPlainHttp, Handshakes()), 0};
  }
  const auto [ec] = co_await ssl_.async_handshake(side_, nothrow);
  SSL* const ssl = ssl_.native_handle();
  const long verdict = SSL_get_verify_result(ssl);
  if (ec && !expired() && verdict != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
    co_return IoResult{error_code(static_cast<int>(verdict), Verification()), 0};
  }
  co_return IoResult{Explain(ec), 0};
}

std::string TlsStream::PeerSubject() const {
  SSL* const ssl = ssl_.native_handle();
  if (SSL_get_verify_result(ssl) != X509_V_OK) return {};
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl), &X509_free);
  if (!certificate) return {};
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), &BIO_free);
  if (!text || X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate.get()), 0, XN_FLAG_RFC2253) < 0)
    return {};
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(text.get(), &bytes);
  return {bytes, static_cast<std::size_t>(length)};
}

Task<IoResult> TlsStream::Read(asio::mutable_buffer into) {
  const auto [ec, n] = co_await ssl_.async_read_some(into, nothrow);
  Moved(n);
  // Many clients close without close_notify; HTTP's framing tells whether a message is complete.
  if (ec == asio::ssl::error::stream_truncated) co_return IoResult{asio::error::eof, n};
  co_return IoResult{Explain(ec), n};
}

Task<IoResult> TlsStream::Write(std::span<const asio::const_buffer> buffers) {
  std::size_t sent = 0;
  for (const asio::const_buffer& whole : buffers) {
    for (asio::const_buffer rest = whole; rest.size() > 0;) {
      const auto [ec, n] = co_await ssl_.async_write_some(rest, nothrow);  // a record
      sent += n;
      rest += n;
      if (ec) co_return IoResult{Explain(ec), sent};
      Moved(n);
    }
  }
  co_return IoResult{{}, sent};
}

Task<> TlsStream::Shutdown() {
  ExpiresAfter(kGoodbye);
  [[maybe_unused]] const auto [ec] = co_await ssl_.async_shutdown(nothrow);
  if (!expired()) co_await Linger();
}

}  // namespace

bool IsCertificateError(const error_code& ec) {
  if (ec.category() == Verification()) return true;
  return ec.category() == asio::error::get_ssl_category() &&
         ERR_GET_REASON(static_cast<unsigned long>(ec.value())) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
}

std::unique_ptr<ByteStream> TlsServerStream(Socket socket, TlsContext tls) {
  return std::make_unique<TlsStream>(std::move(socket), std::move(tls), stream_base::server);
}

std::unique_ptr<SocketStream> TlsClientStream(Socket socket, TlsContext tls, const std::string& host) {
  auto stream = std::make_unique<TlsStream>(std::move(socket), std::move(tls), stream_base::client);
  stream->Expect(host);
  return stream;
}

}  // namespace portcall::http
