#include "sinks/http/client_options.h"

#include "runtime/http/proxy.h"

namespace portcall::sinks {

Result<http::ClientOptions> ClientOptionsOf(const config::Endpoint& endpoint, const http::Url& url, runtime::Log& log) {
  http::ClientOptions options;
  options.url = url;
  auto proxy = http::ProxyFor(http::ProxyEnvironment::OfProcess(), url);
  if (!proxy) return proxy.error();
  options.proxy = *std::move(proxy);
  if (options.proxy) {
    log.Info("the endpoint is reached by a proxy, as the environment wants it",
             {{"endpoint", endpoint.name}, {"proxy", options.proxy->host_header()}});
  }
  if (!url.tls()) return options;
  auto tls = http::MakeClientTls({endpoint.ca, endpoint.certificate, endpoint.key, endpoint.insecure_skip_verify});
  if (!tls) return tls.error();
  options.tls = *std::move(tls);
  return options;
}

void CheckClientOptions(config::MapReader& entry, const config::Endpoint& endpoint) {
  const auto url = http::ParseUrl(endpoint.url);
  if (!url) return;
  const auto proxy = http::ProxyFor(http::ProxyEnvironment::OfProcess(), *url);
  if (!proxy) entry.Error("url", proxy.error().detail);
  if (!url->tls()) return;
  const config::MapReader tls = entry.Sub("tls");
  if (const auto trusted = http::MakeClientTls({endpoint.ca, {}, {}}); !trusted)
    tls.Error("ca", trusted.error().detail);
  if (const auto own = http::MakeClientTls({{}, endpoint.certificate, endpoint.key}); !own) {
    tls.Error(own.error().detail.starts_with("key ") ? "key" : "certificate", own.error().detail);
  }
}

config::HeaderList SecretsOfProxy(const http::ClientOptions& options) {
  if (!options.proxy || options.proxy->userinfo.empty()) return {};
  return {{"Proxy-Authorization", http::ProxyAuthorization(*options.proxy)}};
}

}  // namespace portcall::sinks
