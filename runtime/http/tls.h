#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "runtime/result.h"

namespace boost::asio::ssl {
class context;
}

namespace portcall::http {

// A certificate and key, or trust anchors, loaded and checked. Immutable: a reload makes a new one, which connections
// opened from then on use. Contexts may be shared between loops.
using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

struct ServerTls {
  std::string certificate;                 // path, PEM, the chain with the leaf first
  std::string key;                         // path, PEM
  std::string minimum = "tls1.2";          // tls1.0 … tls1.3, as Distribution writes it
  std::vector<std::string> cipher_suites;  // Go's names; empty: OpenSSL's defaults
  std::vector<std::string> client_cas;     // PEM files; not empty: a client certificate is required
};
struct ClientTls {
  std::string ca;                // PEM file; empty: the system's anchors
  std::string certificate, key;  // client certificate, or empty
  bool insecure_skip_verify = false;
};

// kInvalid with the file, what is wrong with it and what to do (unreadable, no PEM, key does not match). A certificate
// that has expired is none of that: whoever is shown it decides, and some clients do not look.
Result<TlsContext> MakeServerTls(const ServerTls& options);
Result<TlsContext> MakeClientTls(const ClientTls& options);

// The parts of what the two above find, for who says it at the place of each. Errors of a pair begin with "key" where
// that is at fault.
Result<void> CheckPair(const std::string& certificate, const std::string& key);
Result<void> CheckCipherSuites(const std::vector<std::string>& suites);
Result<void> CheckAuthority(const std::string& path);

// When the first certificate of a PEM file expires.
Result<std::chrono::system_clock::time_point> CertificateEnd(const std::string& path);

}  // namespace portcall::http
