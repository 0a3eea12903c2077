#include "registry/request/urls.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "registry/model/origin.h"
#include "runtime/http/url.h"
#include "runtime/text.h"

namespace portcall::registry {
namespace {

namespace ip = boost::asio::ip;

using runtime::Trim;

std::string_view FirstOf(std::string_view list) { return Trim(list.substr(0, list.find(','))); }

// One parameter of an element of a Forwarded header (RFC 7239).
std::string_view Parameter(std::string_view element, std::string_view name) {
  while (!element.empty()) {
    const std::size_t semicolon = element.find(';');
    const std::string_view pair = Trim(element.substr(0, semicolon));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && http::EqualsIgnoreCase(Trim(pair.substr(0, equals)), name)) {
      std::string_view value = Trim(pair.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return value;
    }
    if (semicolon == std::string_view::npos) break;
    element.remove_prefix(semicolon + 1);
  }
  return {};
}

// Of a name with its port. What is longer is in no event either.
constexpr std::size_t kMaxHost = 255;

bool IsHost(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHost && std::ranges::all_of(text, [](char c) {
    return runtime::IsAlphanumeric(c) || std::string_view(".-_:[]").find(c) != std::string_view::npos;
  });
}

bool IsScheme(std::string_view text) {
  return http::EqualsIgnoreCase(text, "http") || http::EqualsIgnoreCase(text, "https");
}

struct Site {
  std::string_view scheme, host;
};

// Where the client believes to be.
Site SiteOf(const http::Request& request, const TrustedProxies& proxies) {
  Site site{request.tls ? "https" : "http", request.fields.Get("Host")};
  const std::string_view x_proto = request.fields.Get("X-Forwarded-Proto");
  const std::string_view x_host = request.fields.Get("X-Forwarded-Host");
  const std::string_view forwarded = request.fields.Get("Forwarded");
  if ((x_proto.empty() && x_host.empty() && forwarded.empty()) || !proxies.Contains(request.peer_ip)) return site;
  // As in Distribution, Forwarded goes before what it replaced.
  std::string_view scheme = Parameter(FirstOf(forwarded), "proto"), host = Parameter(FirstOf(forwarded), "host");
  if (scheme.empty()) scheme = FirstOf(x_proto);
  if (host.empty()) host = FirstOf(x_host);
  if (IsScheme(scheme)) site.scheme = scheme;
  if (IsHost(host)) site.host = host;
  return site;
}

// The address of "192.0.2.1", "192.0.2.1:51008", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:443"; empty: there is
// none.
std::string_view AddressOf(std::string_view text) {
  if (text.starts_with('[')) {
    text = text.substr(1, text.find(']') - 1);
  } else if (text.find(':') == text.rfind(':')) {
    text = text.substr(0, text.find(':'));
  }
  boost::system::error_code ec;
  ip::make_address(text, ec);
  return ec ? std::string_view() : text;
}

// Each proxy appends whom it heard from, and what stands before that is the client's own word: so the last address that
// is no trusted proxy counts, or the first of the list where all are. What is no address ends the search. `read` finds
// the address in an element of the list.
template <class F>
std::string_view NearestStranger(const std::vector<std::string_view>& fields, const TrustedProxies& proxies, F read) {
  std::string_view nearest;
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    for (std::string_view rest = *field; !rest.empty();) {
      const std::size_t comma = rest.rfind(',');
      const std::string_view element = comma == std::string_view::npos ? rest : rest.substr(comma + 1);
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma);
      const std::string_view candidate = AddressOf(read(element));
      if (candidate.empty()) return nearest;
      nearest = candidate;
      if (!proxies.Contains(candidate)) return nearest;
    }
  }
  return nearest;
}

constexpr std::string_view kForwardedFor = "X-Forwarded-For", kForwarded = "Forwarded", kRealIp = "X-Real-Ip";

}  // namespace

TrustedProxies::TrustedProxies(const std::vector<std::string>& cidrs) {
  for (const std::string& cidr : cidrs) {
    if (const auto network = http::ParseNetwork(cidr)) networks_.push_back(*network);
  }
}

bool TrustedProxies::Contains(std::string_view ip) const {
  return std::ranges::any_of(networks_, [ip](const http::Network& network) { return http::Holds(network, ip); });
}

Urls::Urls(const config::HttpConfig& config, const http::Request& request, const TrustedProxies& proxies) {
  if (!config.host.empty()) {
    base_ = config.host;
    while (base_.ends_with('/')) base_.pop_back();
  } else if (!config.relative_urls) {
    const Site site = SiteOf(request, proxies);
    // A request without a Host (HTTP/1.0), or with an invalid one, gets paths only.
    if (IsHost(site.host)) {
      base_.reserve(site.scheme.size() + site.host.size() + config.prefix.size() + 8);
      base_.append(site.scheme).append("://").append(site.host);
    }
  }
  base_.append(config.prefix).append("v2/");
}

std::string Urls::Manifest(std::string_view name, std::string_view digest) const {
  return ManifestUrl(base_, name, digest);
}

std::string Urls::Blob(std::string_view name, std::string_view digest) const { return BlobUrl(base_, name, digest); }

std::string Urls::Upload(std::string_view name, std::string_view uuid, std::string_view state) const {
  return BlobUrl(base_, name, "uploads/").append(uuid).append("?_state=").append(http::PercentEncode(state));
}

std::string PathAtClient(const config::HttpConfig& config, std::string_view path) {
  const std::size_t scheme = config.host.find("://");
  const std::size_t start = scheme == std::string::npos ? scheme : config.host.find('/', scheme + 3);
  std::string whole = start == std::string::npos ? std::string() : config.host.substr(start);
  while (whole.ends_with('/')) whole.pop_back();
  return whole.append(path);
}

std::optional<std::string> ClientBehindProxy(const http::Request& request, const TrustedProxies& proxies) {
  const http::Fields& fields = request.fields;
  if (!fields.Has(kForwardedFor) && !fields.Has(kForwarded) && !fields.Has(kRealIp)) return std::nullopt;
  if (!proxies.Contains(request.peer_ip)) return std::nullopt;
  const auto whole = [](std::string_view element) { return Trim(element); };
  std::string_view client = NearestStranger(fields.All(kForwardedFor), proxies, whole);
  // Proxies that append to this one append to that one too, or pass it on as it came: it says no more than they do.
  if (client.empty() && !fields.Has(kForwardedFor)) {
    const auto read = [](std::string_view element) { return Parameter(element, "for"); };
    client = NearestStranger(fields.All(kForwarded), proxies, read);
  }
  if (client.empty()) client = AddressOf(Trim(fields.Get(kRealIp)));
  return client.empty() ? std::nullopt : std::optional<std::string>(client);
}

bool SpeaksForOthers(const http::Request& request) {
  return std::ranges::any_of(request.fields.all(), [](const http::Fields::Field& field) {
    return http::EqualsIgnoreCase(field.name, kForwarded) || http::EqualsIgnoreCase(field.name, kForwardedFor) ||
           http::EqualsIgnoreCase(field.name, "X-Forwarded-Proto") ||
           http::EqualsIgnoreCase(field.name, "X-Forwarded-Host");
  });
}

std::string ForwardedText(const http::Request& request, const TrustedProxies& proxies) {
  std::string text;
  for (const std::string_view name : {kForwardedFor, kForwarded, kRealIp}) {
    for (const std::string_view value : request.fields.All(name)) {
      if (!text.empty()) text += ", ";
      text += value;
    }
  }
  if (text.empty() || !proxies.Contains(request.peer_ip)) return {};
  if (text.size() > kMaxForwarded) text.resize(kMaxForwarded);
  return text;
}

}  // namespace portcall::registry
