#include "runtime/http/listener.h"

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "runtime/http/network.h"
#include "runtime/text.h"

namespace portcall::http {
namespace {

using asio::ip::tcp;

// How many ports are tried for port 0: one that is free on the first address may be taken on the second.
constexpr int kTries = 32;

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<HostPort> Split(std::string_view addr) {
  const std::size_t colon = addr.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = addr.substr(0, colon);
  const std::string_view port = addr.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  const auto number = runtime::ParseNumber<std::uint16_t>(port);
  if (!number) return std::nullopt;
  return HostPort{std::string(host), *number};
}

Error Failed(const std::string& addr, const error_code& ec) {
  std::string detail = "cannot listen on " + addr + ": " + ec.message();
  if (ec == asio::error::address_in_use) detail += "; stop the process that has it, or choose another port";
  if (ec == asio::error::access_denied) detail += "; ports below 1024 need privileges";
  if (ec == boost::system::errc::address_not_available) detail += "; no interface of this machine has that address";
  return Error(Errc::kInvalid, std::move(detail));
}

error_code Open(TcpAcceptor& acceptor, const tcp::endpoint& at, bool v6_only) {
  error_code ec;
  acceptor.open(at.protocol(), ec);
  if (!ec) acceptor.set_option(TcpAcceptor::reuse_address(true), ec);
  if (!ec && at.address().is_v6()) acceptor.set_option(asio::ip::v6_only(v6_only), ec);
  if (!ec) acceptor.bind(at, ec);
  if (!ec) acceptor.listen(TcpAcceptor::max_listen_connections, ec);
  return ec;
}

Result<std::vector<TcpAcceptor>> BindOne(const Executor& executor, const std::string& addr, const tcp::endpoint& at) {
  std::vector<TcpAcceptor> acceptors;
  acceptors.emplace_back(executor);
  if (const error_code ec = Open(acceptors.back(), at, true)) return Failed(addr, ec);
  return acceptors;
}

Result<std::vector<TcpAcceptor>> BindAll(const Executor& executor, const std::string& addr, std::uint16_t port) {
  std::vector<TcpAcceptor> acceptors;
  acceptors.emplace_back(executor);
  const error_code ec = Open(acceptors.back(), {asio::ip::address_v6::any(), port}, false);
  if (!ec) return acceptors;
  if (ec == asio::error::address_in_use || ec == asio::error::access_denied) return Failed(addr, ec);
  return BindOne(executor, addr, {asio::ip::address_v4::any(), port});  // a machine without IPv6
}

Result<std::vector<TcpAcceptor>> BindLoopbacks(const Executor& executor, const std::string& addr, std::uint16_t port) {
  for (int i = 1;; ++i) {
    Result<std::vector<TcpAcceptor>> v4 = BindOne(executor, addr, {asio::ip::address_v4::loopback(), port});
    if (!v4) return v4;
    const std::uint16_t same = v4->front().local_endpoint().port();
    TcpAcceptor v6(executor);
    const error_code ec = Open(v6, {asio::ip::address_v6::loopback(), same}, true);
    if (!ec) v4->push_back(std::move(v6));
    if (!ec || ec != asio::error::address_in_use) return v4;
    if (port != 0 || i == kTries) return Failed("[::1]:" + std::to_string(same), ec);
  }
}

Error Malformed(const std::string& addr) {
  return {Errc::kInvalid, "cannot listen on \"" + addr + "\": write host:port, :port or [v6]:port"};
}

Result<std::vector<TcpAcceptor>> BindTo(const Executor& executor, const std::string& addr, const HostPort& parts,
                                        const Resolver::LookUp& look_up) {
  if (parts.host.empty()) return BindAll(executor, addr, parts.port);
  if (parts.host == "localhost") return BindLoopbacks(executor, addr, parts.port);
  error_code ec;
  asio::ip::address address = asio::ip::make_address(parts.host, ec);
  if (ec) {
    const Resolver::Answer found = look_up(parts.host);
    if (!found || found->empty()) return Error(Errc::kInvalid, "cannot listen on " + addr + ": no such host");
    const auto v4 = std::ranges::find_if(*found, [](const asio::ip::address& one) { return one.is_v4(); });
    address = v4 == found->end() ? found->front() : *v4;
  }
  address = Unmapped(address);  // as Go does
  if (address.is_unspecified()) return BindAll(executor, addr, parts.port);
  return BindOne(executor, addr, {address, parts.port});
}

}  // namespace

Result<std::vector<tcp::endpoint>> EndpointsOf(const std::string& addr) {
  const std::optional<HostPort> parts = Split(addr);
  if (!parts) return Malformed(addr);
  asio::io_context context;
  const Result<std::vector<TcpAcceptor>> bound =
      BindTo(context.get_executor(), addr, {parts->host, 0}, Resolver::AskSystem);
  if (!bound) return bound.error();
  std::vector<tcp::endpoint> endpoints;
  for (const TcpAcceptor& acceptor : *bound) {
    endpoints.emplace_back(acceptor.local_endpoint().address(), parts->port);
    asio::ip::v6_only v6_only;
    error_code not_v6;
    acceptor.get_option(v6_only, not_v6);
    if (!not_v6 && !v6_only.value()) endpoints.emplace_back(asio::ip::address_v4::any(), parts->port);
  }
  return endpoints;
}

bool Collide(const std::vector<tcp::endpoint>& some, const std::vector<tcp::endpoint>& others) {
  const auto collide = [](const tcp::endpoint& a, const tcp::endpoint& b) {
    if (a.port() == 0 || a.port() != b.port() || a.protocol() != b.protocol()) return false;
    return a.address() == b.address() || a.address().is_unspecified() || b.address().is_unspecified();
  };
  return std::ranges::any_of(some, [&](const tcp::endpoint& one) {
    return std::ranges::any_of(others, [&](const tcp::endpoint& other) { return collide(one, other); });
  });
}

Result<std::vector<TcpAcceptor>> Bind(const Executor& executor, const std::string& addr,
                                      const Resolver::LookUp& look_up) {
  const std::optional<HostPort> parts = Split(addr);
  return parts ? BindTo(executor, addr, *parts, look_up) : Malformed(addr);
}

}  // namespace portcall::http
