#pragma once

#include <string>
#include <string_view>

namespace portcall::sinks {

// `user:password` of a URL as HTTP Basic sends it (RFC 7617). A user without a password gets an empty one, because the
// colon must be there.
std::string BasicCredentials(std::string_view userinfo);

// "sha256=" and the body's HMAC in hex digits: the form of GitHub's X-Hub-Signature-256 and of Flux's X-Signature.
std::string BodySignature(std::string_view secret, std::string_view body);

}  // namespace portcall::sinks
