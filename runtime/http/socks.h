#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace portcall::http {

// The client's messages of SOCKS 5 (RFC 1928; a user's password by RFC 1929) and what the server's mean; no I/O. Names
// go to the server as they are, which looks them up.
std::string SocksGreeting(bool with_password);
// `userinfo` is user:password, of 1 to 255 bytes each.
std::string SocksLogin(std::string_view userinfo);
std::string SocksConnect(std::string_view host, std::uint16_t port);

inline constexpr std::size_t kSocksMethod = 2;  // bytes of the answer to the greeting, and of that to a login
inline constexpr std::size_t kSocksReply = 4;   // the part of the last answer before the address
enum class SocksMethod : std::uint8_t { kNone, kPassword, kRefused };
SocksMethod MethodOf(std::string_view answer);
// The address behind kSocksReply bytes and its port; 0: this is no answer of SOCKS 5. A name's first byte is its
// length, which is in `answer` where there are kSocksReply + 1 bytes.
std::size_t SocksAddressBytes(std::string_view answer);
// Why no connection was made; empty: it was.
std::string SocksRefusal(std::string_view answer);

}  // namespace portcall::http
