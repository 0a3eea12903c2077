#include "runtime/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/ssl/context.hpp>
#include <ctime>
#include <string_view>
#include <utility>

#include "runtime/named_file.h"

namespace portcall::http {
namespace {

using asio_context = boost::asio::ssl::context;

struct NamedVersion {
  std::string_view name;
  int version;
};
constexpr NamedVersion kVersions[] = {
    {"tls1.0", TLS1_VERSION}, {"tls1.1", TLS1_1_VERSION}, {"tls1.2", TLS1_2_VERSION}, {"tls1.3", TLS1_3_VERSION}};

Error Invalid(std::string detail) { return Error(Errc::kInvalid, std::move(detail)); }

std::string Reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason ? reason : "unknown error";
}

Result<void> Readable(const std::string& path, const std::string& what) {
  const Result<void> fit = runtime::CheckNamed(path, runtime::kMostPemBytes);
  return fit ? Result<void>() : Invalid(what + " " + path + " " + fit.error().detail);
}

Result<void> LoadPair(SSL_CTX* context, const std::string& certificate, const std::string& key) {
  if (Result<void> readable = Readable(certificate, "certificate"); !readable) return readable;
  if (Result<void> readable = Readable(key, "key"); !readable) return readable;
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return Invalid("certificate " + certificate + " holds no usable PEM certificate: " + Reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
      ERR_clear_error();
      return Invalid("key " + key + " does not belong to certificate " + certificate);
    }
    return Invalid("key " + key + " holds no usable PEM private key (it must not be encrypted): " + Reason());
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return Invalid("key " + key + " does not belong to certificate " + certificate);
  }
  return {};
}

Result<void> SetMinimum(SSL_CTX* context, const std::string& minimum) {
  for (const NamedVersion& known : kVersions) {
    if (known.name != minimum) continue;
    // OpenSSL's default security level would refuse the signatures that 1.0 and 1.1 need.
    if (known.version < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, known.version);
    return {};
  }
  return Invalid("unknown minimum TLS version " + minimum + "; known are tls1.0, tls1.1, tls1.2 and tls1.3");
}

// OpenSSL's name for one of IANA's, which are Go's too; empty: it has no such suite.
std::string_view OpenSslName(const std::string& suite) {
  const std::string_view name = OPENSSL_cipher_name(suite.c_str());
  return name == "(NONE)" ? std::string_view() : name;
}

void Append(std::string& list, std::string_view name) {
  if (!list.empty()) list += ':';
  list += name;
}

Result<void> SetSuites(SSL_CTX* context, const std::vector<std::string>& suites) {
  std::string up_to_12, of_13;
  for (const std::string& suite : suites) {
    if (suite.starts_with("TLS_AES_") || suite.starts_with("TLS_CHACHA20_")) {
      Append(of_13, suite);
    } else if (const std::string_view name = OpenSslName(suite); !name.empty()) {
      Append(up_to_12, name);
    } else if (suite.find("_3DES_") != std::string::npos) {
      Append(up_to_12, suite);  // OpenSSL is built without it, and skips it beside others
    } else {
      return Invalid("unknown cipher suite " + suite +
                     "; use Go's names, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    }
  }
  if (!up_to_12.empty() && SSL_CTX_set_cipher_list(context, up_to_12.c_str()) != 1) {
    return Invalid("none of the cipher suites is supported by this OpenSSL: " + Reason());
  }
  if (!of_13.empty() && SSL_CTX_set_ciphersuites(context, of_13.c_str()) != 1) {
    return Invalid("a TLS 1.3 cipher suite is unknown to this OpenSSL: " + of_13);
  }
  return {};
}

Result<void> Trust(SSL_CTX* context, const std::string& path) {
  if (Result<void> readable = Readable(path, "CA file"); !readable) return readable;
  ERR_clear_error();
  if (SSL_CTX_load_verify_file(context, path.c_str()) == 1) return {};
  return Invalid("CA file " + path + " holds no usable PEM certificate: " + Reason());
}

Result<void> RequireClients(SSL_CTX* context, const std::vector<std::string>& cas) {
  if (cas.empty()) return {};
  // The names that clients are told, so that they can choose among several certificates; freed by the context.
  STACK_OF(X509_NAME)* names = sk_X509_NAME_new_null();
  SSL_CTX_set_client_CA_list(context, names);
  for (const std::string& ca : cas) {
    if (Result<void> trusted = Trust(context, ca); !trusted) return trusted;
    SSL_add_file_cert_subjects_to_stack(names, ca.c_str());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

// Of what a client offers by ALPN only this is spoken; with another offer it may still go on without one.
int SelectProtocol(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered,
                   unsigned int offered_length, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, length, kHttp11, sizeof kHttp11 - 1, offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::chrono::system_clock::time_point> CertificateEnd(const std::string& path) {
  asio_context holder(asio_context::tls_client);
  SSL_CTX* context = holder.native_handle();
  if (Result<void> readable = Readable(path, "certificate"); !readable) return readable.error();
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, path.c_str()) != 1) {
    return Invalid("certificate " + path + " holds no usable PEM certificate: " + Reason());
  }
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(context)), &end) != 1) {
    return Invalid("certificate " + path + " says no time at which it ends");
  }
  return std::chrono::system_clock::from_time_t(timegm(&end));
}

Result<void> CheckPair(const std::string& certificate, const std::string& key) {
  asio_context context(asio_context::tls_server);
  return LoadPair(context.native_handle(), certificate, key);
}

Result<void> CheckCipherSuites(const std::vector<std::string>& suites) {
  asio_context context(asio_context::tls_server);
  return SetSuites(context.native_handle(), suites);
}

Result<void> CheckAuthority(const std::string& path) {
  asio_context context(asio_context::tls_server);
  return Trust(context.native_handle(), path);
}

Result<TlsContext> MakeServerTls(const ServerTls& options) {
  auto tls = std::make_shared<asio_context>(asio_context::tls_server);
  SSL_CTX* context = tls->native_handle();
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION);
  // Idle connections give their buffers back.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  // Sessions are resumed by tickets only: a cache would be shared between the loops under a lock. OpenSSL resumes
  // sessions of verified clients only where a session id context is set.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  static constexpr unsigned char kSessions[] = "portcall";
  SSL_CTX_set_alpn_select_cb(context, &SelectProtocol, nullptr);
  SSL_CTX_set_session_id_context(context, kSessions, sizeof kSessions - 1);
  if (Result<void> r = SetMinimum(context, options.minimum); !r) return r.error();
  if (Result<void> r = SetSuites(context, options.cipher_suites); !r) return r.error();
  if (Result<void> r = LoadPair(context, options.certificate, options.key); !r) return r.error();
  if (Result<void> r = RequireClients(context, options.client_cas); !r) return r.error();
  return tls;
}

Result<TlsContext> MakeClientTls(const ClientTls& options) {
  auto tls = std::make_shared<asio_context>(asio_context::tls_client);
  SSL_CTX* context = tls->native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  if (options.ca.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (Result<void> r = Trust(context, options.ca); !r) {
    return r.error();
  }
  if (options.certificate.empty() != options.key.empty()) {
    return Invalid("a client certificate needs both the certificate and the key");
  }
  if (!options.certificate.empty()) {
    if (Result<void> r = LoadPair(context, options.certificate, options.key); !r) return r.error();
  }
  SSL_CTX_set_verify(context, options.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  return tls;
}

}  // namespace portcall::http
