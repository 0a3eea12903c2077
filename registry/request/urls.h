#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "runtime/http/message.h"
#include "runtime/http/network.h"

namespace portcall::registry {

// The peers whose X-Forwarded-*, Forwarded and X-Real-Ip headers are believed (http.trustedproxies).
class TrustedProxies {
 public:
  TrustedProxies() = default;
  explicit TrustedProxies(const std::vector<std::string>& cidrs);  // entries that do not parse are ignored
  bool Contains(std::string_view ip) const;

 private:
  std::vector<http::Network> networks_;
};

// Addresses under which clients reach this registry: at http.host if that is set, paths alone with http.relativeurls,
// and otherwise at the host that the request was sent to, which a trusted proxy may report.
class Urls {
 public:
  Urls(const config::HttpConfig& config, const http::Request& request, const TrustedProxies& proxies);
  std::string Manifest(std::string_view name, std::string_view digest) const;
  std::string Blob(std::string_view name, std::string_view digest) const;
  std::string Upload(std::string_view name, std::string_view uuid, std::string_view state) const;
  const std::string& base() const { return base_; }  // up to and with "/v2/"

 private:
  std::string base_;
};

// A path of this server, as clients ask for it: http.host may have a path of its own, which a proxy takes off.
std::string PathAtClient(const config::HttpConfig& config, std::string_view path);

// The address of the client that a trusted peer speaks for, without a port: the last of X-Forwarded-For that is no
// trusted proxy; without that field, of Forwarded's `for`; else X-Real-Ip. Nothing when the peer itself is the client.
std::optional<std::string> ClientBehindProxy(const http::Request& request, const TrustedProxies& proxies);
// Whether a request has fields with which proxies tell whom they speak for.
bool SpeaksForOthers(const http::Request& request);
// What a trusted peer says about the client behind it, unchanged: the values of X-Forwarded-For, Forwarded and
// X-Real-Ip that are present, joined by ", ". Cut at kMaxForwarded bytes. Empty when the peer is not trusted.
inline constexpr std::size_t kMaxForwarded = 1024;
std::string ForwardedText(const http::Request& request, const TrustedProxies& proxies);

}  // namespace portcall::registry
