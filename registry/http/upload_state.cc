#include "registry/http/upload_state.h"

#include <nlohmann/json.hpp>

#include "runtime/bytes.h"

namespace portcall::registry {
namespace {

constexpr std::size_t kMacSize = 32;
constexpr std::size_t kMaxToken = 2048;

}  // namespace

std::string SealUploadState(std::string_view secret, const UploadState& state) {
  const nlohmann::ordered_json json{
      {"Name", state.name}, {"UUID", state.uuid}, {"Offset", state.offset}, {"StartedAt", state.started_at}};
  const std::string text = json.dump();
  return runtime::Base64Url(runtime::HmacSha256(secret, text) + text);
}

std::optional<UploadState> OpenUploadState(std::string_view secret, std::string_view token) {
  std::string sealed;
  if (token.size() > kMaxToken || !runtime::Base64UrlDecode(token, sealed) || sealed.size() <= kMacSize) {
    return std::nullopt;
  }
  const std::string_view mac = std::string_view(sealed).substr(0, kMacSize);
  const std::string_view text = std::string_view(sealed).substr(kMacSize);
  if (!runtime::EqualInConstantTime(mac, runtime::HmacSha256(secret, text))) return std::nullopt;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto name = json.find("Name"), uuid = json.find("UUID"), offset = json.find("Offset"),
             started = json.find("StartedAt");
  if (name == json.end() || !name->is_string() || uuid == json.end() || !uuid->is_string()) return std::nullopt;
  if (offset == json.end() || !offset->is_number_unsigned()) return std::nullopt;
  return UploadState(*name, *uuid, *offset,
                     started != json.end() && started->is_string() ? std::string(*started) : std::string());
}

}  // namespace portcall::registry
