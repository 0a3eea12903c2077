#include "runtime/http/socks.h"

#include <array>
#include <boost/asio/ip/address.hpp>

namespace portcall::http {
namespace {

constexpr char kVersion = 5, kLoginVersion = 1;
constexpr char kNoLogin = 0, kByPassword = 2;
constexpr char kConnect = 1;
constexpr char kAddress4 = 1, kName = 3, kAddress6 = 4;
constexpr std::size_t kPortBytes = 2;

void AddText(std::string& message, std::string_view text) {
  message += static_cast<char>(text.size());
  message += text;
}

}  // namespace

std::string SocksGreeting(bool with_password) {
  if (with_password) return {kVersion, 2, kNoLogin, kByPassword};
  return {kVersion, 1, kNoLogin};
}

std::string SocksLogin(std::string_view userinfo) {
  const std::size_t colon = std::min(userinfo.find(':'), userinfo.size());
  std::string message{kLoginVersion};
  AddText(message, userinfo.substr(0, colon));
  AddText(message, userinfo.substr(std::min(userinfo.size(), colon + 1)));
  return message;
}

std::string SocksConnect(std::string_view host, std::uint16_t port) {
  std::string message{kVersion, kConnect, 0};
  boost::system::error_code not_an_address;
  const auto address = boost::asio::ip::make_address(host.substr(0, host.find('%')), not_an_address);
  if (not_an_address) {
    message += kName;
    AddText(message, host);
  } else if (address.is_v4()) {
    message += kAddress4;
    for (const unsigned char byte : address.to_v4().to_bytes()) message += static_cast<char>(byte);
  } else {
    message += kAddress6;
    for (const unsigned char byte : address.to_v6().to_bytes()) message += static_cast<char>(byte);
  }
  message += static_cast<char>(port >> 8);
  message += static_cast<char>(port & 0xff);
  return message;
}

SocksMethod MethodOf(std::string_view answer) {
  if (answer.size() < kSocksMethod || answer[0] != kVersion) return SocksMethod::kRefused;
  if (answer[1] == kNoLogin) return SocksMethod::kNone;
  return answer[1] == kByPassword ? SocksMethod::kPassword : SocksMethod::kRefused;
}

std::size_t SocksAddressBytes(std::string_view answer) {
  if (answer.size() < kSocksReply || answer[0] != kVersion) return 0;
  if (answer[3] == kAddress4) return 4 + kPortBytes;
  if (answer[3] == kAddress6) return 16 + kPortBytes;
  if (answer[3] != kName) return 0;
  return answer.size() == kSocksReply ? 1 : 1 + static_cast<unsigned char>(answer[kSocksReply]) + kPortBytes;
}

std::string SocksRefusal(std::string_view answer) {
  constexpr std::array<std::string_view, 9> kWhy{"",
                                                 "it failed",
                                                 "its rules do not allow that",
                                                 "it cannot reach the network",
                                                 "it cannot reach the host",
                                                 "the connection was refused",
                                                 "the connection took it too long",
                                                 "it does not know the command",
                                                 "it does not know this kind of address"};
  if (answer.size() < kSocksReply || answer[0] != kVersion) return "the answer is not SOCKS 5";
  const auto code = static_cast<unsigned char>(answer[1]);
  return std::string(code < kWhy.size() ? kWhy[code] : "it failed");
}

}  // namespace portcall::http
