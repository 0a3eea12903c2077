#pragma once

#include <string>
#include <string_view>

namespace portcall::config {

// Each says what is wrong with a value and what was probably meant; empty: it is right.

enum class AddressFor { kListen, kConnect };  // to connect, a host and a port above 0 are needed
std::string WhyBadAddress(std::string_view address, AddressFor use);
// Whether one process cannot listen at both: one of them is the other in another spelling, or covers it. Names are not
// looked up.
bool Collide(std::string_view listen, std::string_view other);
std::string WhyBadPrefix(std::string_view prefix);  // of paths: "/", "/registry/"
std::string WhyBadUrl(const std::string& url);      // http or https with a host; userinfo is never shown
// Completes a bare address to a network of one.
std::string WhyBadNetwork(std::string& network);

// scheme://host:port of a URL, or nothing: fit for messages.
std::string HostOfUrl(const std::string& url);

}  // namespace portcall::config
