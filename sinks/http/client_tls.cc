#include "sinks/http/client_tls.h"

#include "runtime/http/url.h"

namespace portcall::sinks {

Result<http::TlsContext> ClientTlsOf(const config::Endpoint& endpoint) {
  return http::MakeClientTls({endpoint.ca, endpoint.certificate, endpoint.key, endpoint.insecure_skip_verify});
}

void CheckClientTls(config::MapReader& entry, const config::Endpoint& endpoint) {
  const auto url = http::ParseUrl(endpoint.url);
  if (!url || !url->tls()) return;
  const config::MapReader tls = entry.Sub("tls");
  if (const auto trusted = http::MakeClientTls({endpoint.ca, {}, {}}); !trusted)
    tls.Error("ca", trusted.error().detail);
  if (const auto own = http::MakeClientTls({{}, endpoint.certificate, endpoint.key}); !own) {
    tls.Error(own.error().detail.starts_with("key ") ? "key" : "certificate", own.error().detail);
  }
}

}  // namespace portcall::sinks
