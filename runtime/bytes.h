#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace portcall::runtime {

std::string Hex(std::span<const unsigned char> bytes);
std::string Base64(std::string_view bytes);     // standard alphabet, padded
std::string Base64Url(std::string_view bytes);  // URL-safe alphabet, padded
// Strict: accepts only what Base64() or Base64Url() would write. After a failure `bytes` is unspecified.
bool Base64Decode(std::string_view text, std::string& bytes);
bool Base64UrlDecode(std::string_view text, std::string& bytes);
std::string HmacSha256(std::string_view key, std::string_view message);  // 32 raw bytes
bool EqualInConstantTime(std::string_view a, std::string_view b);

// UUIDs in text form. Version 7 (RFC 9562 §5.7) sorts by time: ids made by one process never go back.
std::string UuidV4();
std::string UuidV7();
bool IsUuid(std::string_view text);
// When a version 7 id was made, in milliseconds since 1970. Nothing for other ids, and for times after the year 2261,
// whose nanoseconds do not fit into 64 bits.
std::optional<std::int64_t> UuidV7Millis(std::string_view id);

// A running hash; `algorithm` is sha256 or sha512 (anything else is a bug).
class Hasher {
 public:
  explicit Hasher(std::string_view algorithm);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void Update(std::string_view bytes);
  std::string HexDigest();  // ends the hash

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
std::string HashHex(std::string_view algorithm, std::string_view bytes);

}  // namespace portcall::runtime
