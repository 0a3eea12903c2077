#include "config/certificates.h"

#include <utility>

#include "runtime/bytes.h"
#include "runtime/http/tls.h"
#include "runtime/named_file.h"
#include "runtime/time.h"

namespace portcall::config {
namespace {

std::string HashOf(const std::string& path) {
  const Result<std::string> text = runtime::ReadNamed(path, runtime::kMostPemBytes);
  return text ? runtime::HashHex("sha256", *text) : "none";
}

std::string HashesOf(const std::vector<std::string>& files) {
  std::string content;
  for (const std::string& file : files) content += (file.empty() ? "-" : HashOf(file)) + " ";
  return content;
}

}  // namespace

std::string ContentOf(const TlsConfig& tls) {
  if (!tls.enabled()) return "";
  std::vector<std::string> files{tls.certificate, tls.key};
  files.insert(files.end(), tls.client_cas.begin(), tls.client_cas.end());
  return HashesOf(files);
}

std::string ContentOf(const Endpoint& endpoint) {
  if (endpoint.ca.empty() && endpoint.certificate.empty()) return "";
  return HashesOf({endpoint.ca, endpoint.certificate, endpoint.key});
}

std::vector<CertificateEnd> CertificateEnds(const Config& config) {
  std::vector<CertificateEnd> ends;
  const auto add = [&ends](const std::string& endpoint, const std::string& file) {
    if (file.empty()) return;
    if (const auto end = http::CertificateEnd(file)) ends.push_back({endpoint, file, *end});
  };
  add("", config.http.tls.certificate);
  for (const Endpoint& endpoint : config.endpoints) {
    if (!endpoint.disabled) add(endpoint.name, endpoint.certificate);
  }
  return ends;
}

std::string WhyExpired(const std::string& file) {
  const auto end = http::CertificateEnd(file);
  if (!end || *end > std::chrono::system_clock::now()) return "";
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(end->time_since_epoch()).count();
  return "has expired at " + runtime::Rfc3339Nano(nanos) + ": whoever looks at it refuses it; renew it";
}

}  // namespace portcall::config
