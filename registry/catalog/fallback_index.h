#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::registry {

struct TaggedReferrer {
  std::size_t at = 0;  // its number in the index, from 1
  std::string digest;
  std::string descriptor;  // JSON text, with all members that the client wrote
};

// What an index that clients keep in a tag (distribution-spec, "Referrers Tag Schema") lists: each digest once, only
// those of `artifact_type` where that is not empty. No tree is built of the index. Nothing of
// what is no index.
std::vector<TaggedReferrer> ReadFallbackIndex(std::string_view bytes, std::string_view artifact_type);

}  // namespace portcall::registry
