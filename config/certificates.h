#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "config/config.h"

namespace portcall::config {

// What may be known of the certificates that a configuration names. All of it reads files, so it runs where that may
// wait.

// Hashes of what the files hold, of 1 MiB of each at most; empty: none is named. A file that cannot be read counts as
// such. For comparing, not for logs.
std::string ContentOf(const TlsConfig& tls);
std::string ContentOf(const Endpoint& endpoint);

struct CertificateEnd {
  std::string endpoint;  // its name; empty: http.tls
  std::string file;
  std::chrono::system_clock::time_point end;  // when it expires
  bool operator==(const CertificateEnd&) const = default;
};
// Of http.tls and of the endpoints that are not disabled, as far as the files can be read.
std::vector<CertificateEnd> CertificateEnds(const Config& config);

// What a warning says of a certificate that has expired; empty: it has not, or cannot be read.
std::string WhyExpired(const std::string& file);

}  // namespace portcall::config
