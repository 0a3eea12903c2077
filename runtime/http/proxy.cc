#include "runtime/http/proxy.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstdlib>
#include <initializer_list>

#include "runtime/bytes.h"
#include "runtime/http/network.h"
#include "runtime/text.h"

namespace portcall::http {
namespace {

namespace ip = boost::asio::ip;

constexpr std::uint16_t kSocksPort = 1080;

std::string FirstOf(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

// host:port, [v6]:port, or no port; a bare IPv6 address has none.
struct HostPort {
  std::string_view host, port;
};
HostPort Split(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t end = text.find("]:");
    if (end != std::string_view::npos) return {text.substr(1, end - 1), text.substr(end + 2)};
    return {text.ends_with(']') ? text.substr(1, text.size() - 2) : text, {}};
  }
  if (colon == std::string_view::npos || text.find(':') != colon) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

// The address of a URL, if it is one, without a zone.
std::optional<ip::address> AddressOf(std::string_view host) {
  boost::system::error_code ec;
  const auto address = ip::make_address(host.substr(0, host.find('%')), ec);
  return ec ? std::nullopt : std::optional(address);
}

bool IsLoopback(const ip::address& address) { return Unmapped(address).is_loopback(); }

// Whether one entry of NO_PROXY means this host and port.
bool Excludes(std::string_view entry, const std::string& host, std::string_view port) {
  if (entry == "*") return true;
  const auto address = AddressOf(host);
  if (entry.find('/') != std::string_view::npos) {
    if (const auto network = ParseNetwork(entry)) return address && Holds(*network, address->to_string());
  }
  auto [name, only_port] = Split(entry);
  if (name.empty()) return false;
  if (!only_port.empty() && only_port != port) return false;
  if (const auto network = ParseNetwork(name)) return address && Holds(*network, address->to_string());
  if (name.starts_with("*.")) name.remove_prefix(1);
  if (name.starts_with('.')) return std::string_view(host).ends_with(name);
  return host == name || std::string_view(host).ends_with("." + std::string(name));
}

bool GoesStraight(std::string_view none, const Url& url) {
  if (url.host == "localhost") return true;
  if (const auto address = AddressOf(url.host); address && IsLoopback(*address)) return true;
  const std::string port = std::to_string(url.port);
  while (!none.empty()) {
    const std::string_view entry = none.substr(0, none.find(','));
    none.remove_prefix(std::min(none.size(), entry.size() + 1));
    const std::string lower = runtime::LowerCase(runtime::Trim(entry));
    if (!lower.empty() && Excludes(lower, url.host, port)) return true;
  }
  return false;
}

// "proxy:3128" is a URL too.
Result<Url> ParseProxy(const std::string& text) {
  const std::size_t end = text.find("://");
  if (end == std::string::npos) return ParseUrl("http://" + text);
  const std::string scheme = runtime::LowerCase(text.substr(0, end));
  if (scheme == "https") return Error(Errc::kInvalid, "a proxy that is itself asked over TLS is not supported");
  if (scheme != "socks5" && scheme != "socks5h") return ParseUrl(text);
  // The port that one scheme has by default and the other has not is none that was written.
  Result<Url> url = ParseUrl("http" + text.substr(end));
  const Result<Url> other = ParseUrl("https" + text.substr(end));
  if (!url || !other) return url;
  if (url->port != other->port) url->port = kSocksPort;
  url->scheme = "socks5";
  return url;
}

// Lengths are one byte there (RFC 1928 §5, RFC 1929 §2).
std::string WhyNoSocks(const Url& proxy, const Url& url) {
  constexpr std::size_t kLongest = 255;
  if (proxy.scheme != "socks5") return {};
  const std::size_t user = std::min(proxy.userinfo.find(':'), proxy.userinfo.size());
  if (user > kLongest || proxy.userinfo.size() > user + 1 + kLongest) return "user or password is too long for SOCKS";
  if (user == 0 && !proxy.userinfo.empty()) return "a password wants a user beside it";
  return url.host.size() > kLongest ? "the receiver's name is too long for SOCKS" : "";
}

}  // namespace

ProxyEnvironment ProxyEnvironment::OfProcess() {
  return {.http = FirstOf({"HTTP_PROXY", "http_proxy"}),
          .https = FirstOf({"HTTPS_PROXY", "https_proxy"}),
          .none = FirstOf({"NO_PROXY", "no_proxy"}),
          .cgi = std::getenv("REQUEST_METHOD") != nullptr};
}

Result<std::optional<Url>> ProxyFor(const ProxyEnvironment& environment, const Url& url) {
  const std::string& text = url.tls() ? environment.https : environment.http;
  if (text.empty() || GoesStraight(environment.none, url)) return std::optional<Url>();
  const auto wrong = [&](const std::string& why) {
    return Error(Errc::kInvalid, (url.tls() ? "HTTPS_PROXY: " : "HTTP_PROXY: ") + why);
  };
  if (environment.cgi && !url.tls())
    return wrong("is not trusted where REQUEST_METHOD is set too, as for CGI programs");
  Result<Url> proxy = ParseProxy(text);
  if (!proxy) return wrong(proxy.error().detail);
  if (const std::string why = WhyNoSocks(*proxy, url); !why.empty()) return wrong(why);
  return std::optional(std::move(*proxy));
}

std::string ProxyAuthorization(const Url& proxy) {
  if (proxy.userinfo.empty()) return {};
  const bool pair = proxy.userinfo.find(':') != std::string::npos;
  return "Basic " + runtime::Base64(pair ? proxy.userinfo : proxy.userinfo + ":");
}

}  // namespace portcall::http
