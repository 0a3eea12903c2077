#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "runtime/result.h"
#include "store/event.h"

namespace portcall::registry {

inline constexpr std::size_t kMaxManifestBytes = 4 << 20;
// What is larger is taken apart and hashed on a lane of its own: on the loop it would hold up its connections, in a
// query those who wait for a reader.
inline constexpr std::size_t kLargeManifest = 64 << 10;

// What the registry needs to know of a manifest: docker v2 schema 2 and manifest list, OCI manifest and index.
struct Manifest {
  bool index = false;
  std::vector<store::Descriptor> references;  // config and layers, or children, in their order
  std::vector<std::string> blobs;             // digests that must be linked in the repository
  std::vector<std::string> children;          // digests of manifests that must be in the repository, as the rules say
  std::string subject;                        // digest, or empty; need not exist
  std::string artifact_type;                  // as the referrers API shows it
  std::string annotations;                    // JSON object text, or empty
};

using ManifestRules = config::ValidationConfig;

// The artifact type that events carry: artifact_type, except for an index that BuildKit made of a build cache. Only the
// cache configuration among such an index's children tells what it is.
std::string_view ArtifactTypeForEvents(const Manifest& manifest);
// The media type in a Content-Type header: lower case, without parameters.
std::string MediaTypeOf(std::string_view content_type);
// kInvalid: the detail is a sentence that tells the client what is wrong.
Result<Manifest> ParseManifest(std::string_view media_type, std::string_view bytes, const ManifestRules& rules);

}  // namespace portcall::registry
