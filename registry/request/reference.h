#pragma once

#include <string_view>

namespace portcall::registry {

inline constexpr std::size_t kMaxNameLength = 255;

// The grammar of repository names (distribution-spec, "Pulling manifests") without the bound on the length: path
// components of lower-case letters and digits, joined inside by one period, one or two underscores, or dashes.
bool IsRepositoryName(std::string_view text);
bool IsTag(std::string_view text);
// Whether the text has the form `algorithm:encoded`, even if it is no valid digest. Such a text is never a tag.
bool LooksLikeDigest(std::string_view text);

}  // namespace portcall::registry
