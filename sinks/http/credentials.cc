#include "sinks/http/credentials.h"

#include "runtime/bytes.h"

namespace portcall::sinks {

std::string BasicCredentials(std::string_view userinfo) {
  std::string pair(userinfo);
  if (pair.find(':') == std::string::npos) pair += ':';
  return runtime::Base64(pair);
}

std::string BodySignature(std::string_view secret, std::string_view body) {
  const std::string mac = runtime::HmacSha256(secret, body);
  return "sha256=" + runtime::Hex({reinterpret_cast<const unsigned char*>(mac.data()), mac.size()});
}

}  // namespace portcall::sinks
