#pragma once

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
  explicit TrustedProxies(const std::vector<std::string>& cidrs);  // what does not parse trusts nobody
  bool Contains(std::string_view ip) const;

 private:
  std::vector<http::Network> networks_;
};

// Addresses under which this registry's clients reach it: http.host, or paths alone with http.relativeurls, or what the
// request came to, as the proxy in front tells it.
class Urls {
 public:
  Urls(const config::HttpConfig& config, const http::Request& request, const TrustedProxies& proxies);
  std::string Manifest(std::string_view name, std::string_view digest) const;
  std::string Blob(std::string_view name, std::string_view digest) const;
  std::string Upload(std::string_view name, std::string_view uuid, std::string_view state) const;

 private:
  std::string At(std::string_view name, std::string_view kind, std::string_view reference) const;
  std::string base_;  // up to and with "/v2/"
};

// The client's address for events: the first valid one of X-Forwarded-For, or X-Real-Ip, else the peer with its port.
std::string ClientAddress(const http::Request& request, const TrustedProxies& proxies);
// What a trusted peer says of whom it speaks for, word by word: the fields X-Forwarded-For, Forwarded and X-Real-Ip, as
// far as they are there, joined by ", ". Cut at kMaxForwarded bytes. Empty when the peer is not trusted.
inline constexpr std::size_t kMaxForwarded = 1024;
std::string ForwardedText(const http::Request& request, const TrustedProxies& proxies);

}  // namespace portcall::registry
