#pragma once

#include <string>
#include <string_view>

#include "registry/catalog/manifest.h"

namespace portcall::registry {

struct ManifestContent {
  Manifest manifest;
  std::string media_type;  // as the document itself says; empty: it does not
};

// Takes a document apart as it is parsed: nothing is built of members that nobody reads, and no tree of the rest, so
// that the memory is bounded by what a Manifest holds. `index`: it must be one, else an image. kInvalid: the detail is
// a sentence that tells the client what is wrong.
Result<ManifestContent> ReadManifest(std::string_view bytes, bool index, const ManifestRules& rules);

}  // namespace portcall::registry
