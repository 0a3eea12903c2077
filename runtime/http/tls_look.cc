#include "runtime/http/tls_look.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cerrno>
#include <ctime>
#include <memory>
#include <string_view>

#include "runtime/bytes.h"
#include "runtime/files.h"
#include "runtime/named_file.h"
#include "runtime/text.h"

namespace portcall::http {
namespace {

using asio_context = boost::asio::ssl::context;
using boost::asio::ip::tcp;
using Clock = std::chrono::steady_clock;

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Ssl = std::unique_ptr<SSL, Freer<&SSL_free>>;
using Bio = std::unique_ptr<BIO, Freer<&BIO_free>>;
using Certificate = std::unique_ptr<X509, Freer<&X509_free>>;
// Of certificates that are somebody else's.
struct StackFreer {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using Certificates = std::unique_ptr<STACK_OF(X509), StackFreer>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Freer<&X509_STORE_CTX_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freer<&GENERAL_NAMES_free>>;

Error Late(const char* step) { return {Errc::kTimeout, std::string(step) + " took too long"}; }

// False: it is too late.
bool Wait(int fd, short events, Clock::time_point until) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd one{fd, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Result<runtime::Fd> Connect(const tcp::endpoint& at, Clock::time_point until) {
  runtime::Fd fd(::socket(at.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error(Errc::kUnavailable, std::generic_category().message(errno));
  if (::connect(fd.get(), at.data(), static_cast<socklen_t>(at.size())) == 0) return fd;
  if (errno != EINPROGRESS) return Error(Errc::kUnavailable, std::generic_category().message(errno));
  if (!Wait(fd.get(), POLLOUT, until)) return Late("connecting");
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return Error(Errc::kUnavailable, std::generic_category().message(error));
  return fd;
}

std::string TextOf(const X509_NAME* name) {
  const Bio text(BIO_new(BIO_s_mem()));
  if (!text || X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(text.get(), &bytes);
  return {bytes, static_cast<std::size_t>(std::max(0L, length))};
}

std::chrono::system_clock::time_point TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? std::chrono::system_clock::from_time_t(timegm(&parts))
                                            : std::chrono::system_clock::time_point();
}

std::vector<std::string> NamesOf(X509* certificate) {
  std::vector<std::string> found;
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    const ASN1_STRING* text = name->type == GEN_DNS     ? name->d.dNSName
                              : name->type == GEN_IPADD ? name->d.iPAddress
                                                        : nullptr;
    if (text == nullptr) continue;
    const auto* bytes = ASN1_STRING_get0_data(text);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(text));
    if (name->type == GEN_DNS) {
      found.emplace_back(reinterpret_cast<const char*>(bytes), size);
    } else if (size == 4) {
      boost::asio::ip::address_v4::bytes_type v4{};
      std::copy_n(bytes, size, v4.begin());
      found.push_back(boost::asio::ip::address_v4(v4).to_string());
    } else if (size == 16) {
      boost::asio::ip::address_v6::bytes_type v6{};
      std::copy_n(bytes, size, v6.begin());
      found.push_back(boost::asio::ip::address_v6(v6).to_string());
    }
  }
  return found;
}

std::string Fingerprint(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  const std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return runtime::HashHex("sha256", bytes);
}

bool SignsItself(X509* certificate) { return X509_check_issued(certificate, certificate) == X509_V_OK; }

bool SaysWhereMoreIs(X509* certificate) { return X509_get_ext_by_NID(certificate, NID_info_access, -1) >= 0; }

int ErrorOf(SSL_CTX* context, X509* leaf, STACK_OF(X509) * sent) {
  const StoreContext check(X509_STORE_CTX_new());
  if (!check || X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context), leaf, sent) != 1)
    return X509_V_ERR_OUT_OF_MEM;
  X509_STORE_CTX_set_default(check.get(), "ssl_server");
  return X509_verify_cert(check.get()) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(check.get());
}

TlsSight SightOf(SSL_CTX* context, X509* leaf, STACK_OF(X509) * sent) {
  TlsSight sight;
  sight.subject = TextOf(X509_get_subject_name(leaf));
  sight.issuer = TextOf(X509_get_issuer_name(leaf));
  sight.names = NamesOf(leaf);
  sight.from = TimeOf(X509_get0_notBefore(leaf));
  sight.to = TimeOf(X509_get0_notAfter(leaf));
  sight.fingerprint = Fingerprint(leaf);
  sight.length = sk_X509_num(sent);
  sight.self_signed = SignsItself(leaf);
  X509* last = leaf;
  for (int i = 1; i < sight.length; ++i) {
    X509* next = sk_X509_value(sent, i);
    // Authorities of one name may have different keys.
    if (X509_check_issued(next, last) != X509_V_OK || X509_verify(last, X509_get0_pubkey(next)) != 1) {
      sight.ordered = false;
    }
    last = next;
  }
  sight.own_root = !sight.self_signed && SignsItself(last);
  sight.more_offered = SaysWhereMoreIs(last);
  sight.last_issuer = TextOf(X509_get_issuer_name(last));
  const int error = ErrorOf(context, leaf, sent);
  if (error != X509_V_OK) sight.refused = X509_verify_cert_error_string(error);
  sight.issuer_unknown = error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
                         error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
                         error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
  return sight;
}

}  // namespace

bool TlsSight::covers(const std::string& host) const {
  const std::string wanted = runtime::LowerCase(host);
  return std::ranges::any_of(names, [&](const std::string& name) {
    const std::string known = runtime::LowerCase(name);
    if (known == wanted) return true;
    const auto dot = wanted.find('.');
    return known.starts_with("*.") && dot != std::string::npos && wanted.substr(dot) == known.substr(1);
  });
}

Result<void> LookAtPort(const tcp::endpoint& at, std::chrono::milliseconds patience) {
  const auto connected = Connect(at, Clock::now() + patience);
  return connected ? Result<void>() : Result<void>(connected.error());
}

Result<TlsSight> LookAtTls(const tcp::endpoint& at, const std::string& name, std::chrono::milliseconds patience) {
  const auto until = Clock::now() + patience;
  const auto fd = Connect(at, until);
  if (!fd) return fd.error();
  asio_context holder(asio_context::tls_client);
  SSL_CTX* context = holder.native_handle();
  SSL_CTX_set_default_verify_paths(context);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);  // it is looked at in any case
  SSL_CTX_set_security_level(context, 0);                 // the server may be set to old versions
  const Ssl ssl(SSL_new(context));
  if (!ssl || SSL_set_fd(ssl.get(), fd->get()) != 1) return Error(Errc::kUnavailable, "no memory");
  boost::system::error_code no_address;
  boost::asio::ip::make_address(name, no_address);
  if (no_address && !name.empty()) {
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name.c_str()));
  }
  while (true) {
    ERR_clear_error();
    const int done = SSL_connect(ssl.get());
    if (done == 1) break;
    const int why = SSL_get_error(ssl.get(), done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) break;
    if (!Wait(fd->get(), why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until)) return Late("the TLS handshake");
  }
  // A server that wants a certificate of us shows its own before.
  const Certificate leaf(SSL_get1_peer_certificate(ssl.get()));
  STACK_OF(X509)* sent = SSL_get_peer_cert_chain(ssl.get());
  if (leaf && sent != nullptr) {
    SSL_shutdown(ssl.get());  // a farewell, so that the server misses nothing
    ERR_clear_error();
    return SightOf(context, leaf.get(), sent);
  }
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return Error(Errc::kUnavailable, std::string("the TLS handshake: ") +
                                       (reason != nullptr ? reason : "the other side closed the connection"));
}

Result<TlsSight> LookAtChain(const std::string& file) {
  const auto text = runtime::ReadNamed(file, runtime::kMostPemBytes);
  if (!text) return Error(Errc::kInvalid, file + " " + text.error().detail);
  const Bio bytes(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  std::vector<Certificate> all;
  const Certificates chain(sk_X509_new_null());
  while (X509* one = PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr)) {
    all.emplace_back(one);
    sk_X509_push(chain.get(), one);
  }
  ERR_clear_error();
  if (all.empty()) return Error(Errc::kInvalid, file + " holds no usable PEM certificate");
  asio_context holder(asio_context::tls_client);
  SSL_CTX_set_default_verify_paths(holder.native_handle());
  return SightOf(holder.native_handle(), all.front().get(), chain.get());
}

}  // namespace portcall::http
