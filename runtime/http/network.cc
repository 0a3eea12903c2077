#include "runtime/http/network.h"

#include <boost/asio/ip/network_v4.hpp>

#include "runtime/text.h"

namespace portcall::http {
namespace {

namespace ip = boost::asio::ip;

constexpr unsigned short kMapped = 96;  // bits before the IPv4 address in one that is mapped to IPv6

ip::address_v6 AsV6(const ip::address& address) {
  return address.is_v6() ? address.to_v6() : ip::make_address_v6(ip::v4_mapped, address.to_v4());
}

}  // namespace

ip::address Unmapped(const ip::address& address) {
  const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  return mapped ? ip::make_address_v4(ip::v4_mapped, address.to_v6()) : address;
}

std::optional<Network> ParseNetwork(std::string_view text) {
  const std::size_t slash = text.find('/');
  boost::system::error_code ec;
  const ip::address address = ip::make_address(text.substr(0, slash), ec);
  if (ec) return std::nullopt;
  const unsigned short longest = address.is_v4() ? 32 : 128;
  std::optional<unsigned short> length = longest;
  if (slash != std::string_view::npos) length = runtime::ParseNumber<unsigned short>(text.substr(slash + 1));
  if (!length || *length > longest) return std::nullopt;
  return Network(AsV6(address), static_cast<unsigned short>(*length + (address.is_v4() ? kMapped : 0))).canonical();
}

bool Holds(const Network& network, std::string_view ip) {
  boost::system::error_code ec;
  const ip::address address = ip::make_address(ip, ec);
  return !ec && Network(AsV6(address), network.prefix_length()).canonical() == network;
}

}  // namespace portcall::http
