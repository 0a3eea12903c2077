#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <optional>
#include <string_view>

namespace portcall::http {

// Networks of both families in one form: those of IPv4 lie in ::ffff:0:0/96, as addresses mapped to IPv6 do.
using Network = boost::asio::ip::network_v6;

// ADDRESS/LENGTH, or an ADDRESS alone for the network that holds nothing else.
std::optional<Network> ParseNetwork(std::string_view text);
// Whether the network holds an address, of either family and mapped or not; false for what is no address.
bool Holds(const Network& network, std::string_view ip);

// What is IPv4 in IPv6's form is IPv4.
boost::asio::ip::address Unmapped(const boost::asio::ip::address& address);

}  // namespace portcall::http
