#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace portcall::registry {

// What a client carries from one request of an upload to the next, sealed by http.secret, in Distribution's form:
// base64url(HMAC-SHA256(secret, json) || json).
struct UploadState {
  UploadState() = default;
  UploadState(std::string n, std::string u, std::uint64_t o, std::string s)
      : name(std::move(n)), uuid(std::move(u)), offset(o), started_at(std::move(s)) {}
  std::string name, uuid;
  std::uint64_t offset = 0;
  std::string started_at;  // RFC 3339
};

std::string SealUploadState(std::string_view secret, const UploadState& state);
// Nothing when the token was not sealed with this secret or holds something else.
std::optional<UploadState> OpenUploadState(std::string_view secret, std::string_view token);

}  // namespace portcall::registry
