#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/digest.h"

namespace portcall::registry {

using store::Digest;

inline constexpr std::size_t kMaxNameLength = 255;
inline constexpr std::size_t kMaxTagLength = 128;

// The grammar of repository names (distribution-spec, "Pulling manifests") without the bound on the length: path
// components of lower-case letters and digits, joined inside by one period, one or two underscores, or dashes.
bool IsRepositoryName(std::string_view text);
bool IsTag(std::string_view text);
// Whether the text has the form `algorithm:encoded`, even if it is no valid digest. Such a text is never a tag.
bool LooksLikeDigest(std::string_view text);

// What names a manifest inside its repository: a tag or a digest. A text that is neither is kept as malformed, because
// what a client sent is answered, and recorded when refused. An immutable value.
class Reference {
 public:
  static Reference Parse(std::string text);

  bool is_tag() const { return kind_ == Kind::kTag; }
  bool is_digest() const { return kind_ == Kind::kDigest; }
  bool malformed() const { return kind_ == Kind::kMalformed; }
  const std::string& text() const { return text_; }  // as it was sent
  std::string_view tag() const { return is_tag() ? std::string_view(text_) : std::string_view(); }
  // "sha256" or "sha512" of a digest; what content gets that is named by a tag is hashed with sha256.
  std::string_view algorithm() const;
  bool operator==(const Reference&) const = default;

 private:
  enum class Kind { kTag, kDigest, kMalformed };
  Reference(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
  Kind kind_;
  std::string text_;
};

}  // namespace portcall::registry
