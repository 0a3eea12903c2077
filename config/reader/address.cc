#include "config/reader/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "config/reader/scalars.h"
#include "runtime/http/network.h"
#include "runtime/http/url.h"
#include "runtime/text.h"

namespace portcall::config {
namespace {

bool IsIp(int family, const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(family, host.c_str(), bytes.data()) == 1;
}

std::string WhyBadHost(std::string_view host, bool bracketed) {
  std::string name(host);
  if (bracketed) return IsIp(AF_INET6, name.substr(0, name.find('%'))) ? "" : "[" + name + "] is no IPv6 address";
  bool numeric = !name.empty() && name.find_first_not_of("0123456789.") == std::string::npos;
  if (numeric && !IsIp(AF_INET, name)) return name + " is no IPv4 address";
  auto allowed = [](char c) { return runtime::IsAlphanumeric(c) || c == '-' || c == '.' || c == '_'; };
  if (name.size() > 253 || !std::all_of(name.begin(), name.end(), allowed)) return Quoted(name) + " is no host name";
  return "";
}

bool IsPort(std::string_view text, int least) {
  const auto number = runtime::ParseNumber<std::uint16_t>(text);
  return number && *number >= least;
}

// The addresses that a host to listen at means, as http::Bind takes it: all of both families, or one.
struct ListenHost {
  bool all = false;
  std::string address;  // where not all: as text in its shortest form, or a name
};

std::string Shortest(int family, const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_pton(family, host.c_str(), bytes.data()) != 1) return host;
  return inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr ? host : text.data();
}

ListenHost ReadListenHost(std::string_view host) {
  constexpr std::string_view kMapped = "::ffff:";  // IPv4 in IPv6's form
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  const std::string name = runtime::LowerCase(host);
  std::string address = Shortest(IsIp(AF_INET6, name) ? AF_INET6 : AF_INET, name);
  if (address.starts_with(kMapped) && IsIp(AF_INET, address.substr(kMapped.size()))) address.erase(0, kMapped.size());
  return {address.empty() || address == "0.0.0.0" || address == "::", address};
}

bool IsLoopback(const ListenHost& host) { return host.address == "127.0.0.1" || host.address == "::1"; }

}  // namespace

bool Collide(std::string_view listen, std::string_view other) {
  const std::size_t colon = listen.rfind(':'), other_colon = other.rfind(':');
  if (colon == std::string_view::npos || other_colon == std::string_view::npos) return false;
  const auto port = runtime::ParseNumber<std::uint16_t>(listen.substr(colon + 1));
  if (!port || *port == 0 || port != runtime::ParseNumber<std::uint16_t>(other.substr(other_colon + 1))) return false;
  const ListenHost a = ReadListenHost(listen.substr(0, colon)), b = ReadListenHost(other.substr(0, other_colon));
  if (a.all || b.all) return true;
  const bool localhost = (a.address == "localhost" && IsLoopback(b)) || (b.address == "localhost" && IsLoopback(a));
  return localhost || a.address == b.address;
}

std::string WhyBadAddress(std::string_view address, AddressFor use) {
  constexpr std::string_view kExample = "write host:port, like 127.0.0.1:5000 or :5000";
  if (address.find("://") != std::string_view::npos) return "is a URL; " + std::string(kExample);
  const bool unix_socket = address.starts_with("unix:") && !IsPort(address.substr(5), 0);
  if (unix_socket || address.find('/') != std::string_view::npos) {
    return "is a path; Unix sockets are not served: " + std::string(kExample);
  }
  if (address.ends_with(']')) return "has no port: write " + std::string(address.substr(0, 100)) + ":5000";
  std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) {
    bool port_only = ParseWhole(address).has_value();
    return port_only ? "has no colon: write :" + std::string(address)
                     : Quoted(address) + " has no port: write " + std::string(address.substr(0, 200)) + ":5000";
  }
  std::string_view host = address.substr(0, colon), port = address.substr(colon + 1);
  bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) {
    return "an IPv6 address stands in brackets: write [" + std::string(host.substr(0, 100)) + "]:port";
  }
  if (port.empty()) return "the port is missing after the colon; " + std::string(kExample);
  if (!runtime::IsDigits(port)) {
    return Quoted(port) + " is no port number; " + std::string(kExample);
  }
  if (!IsPort(port, 0)) return Quoted(port) + " is no port: ports end at 65535";
  if (use == AddressFor::kConnect && (host.empty() || !IsPort(port, 1)))
    return "a host and a port are needed to connect";
  return WhyBadHost(host, bracketed);
}

std::string WhyBadPrefix(std::string_view prefix) {
  auto allowed = [](char c) {
    return runtime::IsAlphanumeric(c) || std::string_view("/-._~").find(c) != std::string_view::npos;
  };
  if (!std::all_of(prefix.begin(), prefix.end(), allowed) || prefix.find("//") != std::string_view::npos ||
      prefix.find("/../") != std::string_view::npos || prefix.find("/./") != std::string_view::npos) {
    return Quoted(prefix) + " is no path prefix: write /registry/ (letters, digits, - . _ ~ between slashes)";
  }
  return "";
}

std::string WhyBadUrl(const std::string& url) {
  constexpr std::string_view kExample = "write https://host/path";
  std::size_t scheme_end = url.find("://");
  if (url.empty()) return "is empty; " + std::string(kExample);
  if (scheme_end == std::string::npos) return "has no scheme; " + std::string(kExample);
  const std::string scheme = runtime::LowerCase(url.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") {
    return "has the scheme " + Quoted(scheme) + ", where http or https is wanted";
  }
  std::string_view authority = std::string_view(url).substr(scheme_end + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (authority.empty()) return "names no host; " + std::string(kExample);
  std::string_view place = authority.substr(authority.rfind('@') + 1);
  std::size_t colon = place.find(':', place.starts_with('[') ? place.find(']') : 0);
  if (colon != std::string_view::npos && !IsPort(place.substr(colon + 1), 1)) {
    return "has no port number (1 to 65535) after the host's colon";
  }
  auto parsed = http::ParseUrl(url);
  if (parsed) return parsed->host.empty() ? "names no host; " + std::string(kExample) : "";
  bool shows_nothing_secret = url.find_first_of("@?") == std::string::npos;
  return shows_nothing_secret ? parsed.error().detail : "is not a URL: check the host, the port and blanks";
}

std::string HostOfUrl(const std::string& url) {
  auto parsed = http::ParseUrl(url);
  return parsed ? parsed->host : "";
}

std::string WhyBadNetwork(std::string& network) {
  const std::size_t slash = network.find('/');
  const std::string address = network.substr(0, slash);
  const bool v4 = IsIp(AF_INET, address);
  if (!v4 && !IsIp(AF_INET6, address)) return Quoted(network) + " is no network: write 10.0.0.0/8 or fc00::/7";
  const std::string bits = v4 ? "32" : "128";
  if (slash == std::string::npos) network += "/" + bits;
  if (http::ParseNetwork(network)) return "";
  return Quoted(network) + ": the length after the slash is between 0 and " + bits;
}

}  // namespace portcall::config
