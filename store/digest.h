#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace portcall::store {

// A parsed content digest, sha256 or sha512 (OCI image-spec, "Digests"): algorithm and lower-case hex of the right
// length. Other algorithms do not parse.
class Digest {
 public:
  static std::optional<Digest> Parse(std::string_view text);
  std::string_view algorithm() const { return std::string_view(text_).substr(0, 6); }
  std::string_view hex() const { return std::string_view(text_).substr(7); }
  const std::string& text() const { return text_; }
  bool operator==(const Digest&) const = default;

 private:
  explicit Digest(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace portcall::store
