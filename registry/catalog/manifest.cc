#include "registry/catalog/manifest.h"

#include <algorithm>
#include <utility>

#include "registry/catalog/manifest_reader.h"
#include "runtime/text.h"

namespace portcall::registry {
namespace {

constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view kSchema1 = "application/vnd.docker.distribution.manifest.v1+";
constexpr std::string_view kBuildCache = "application/vnd.buildkit.cacheconfig.v0";

Error Invalid(std::string why) { return Error(Errc::kInvalid, std::move(why)); }

}  // namespace

std::string_view ArtifactTypeForEvents(const Manifest& manifest) {
  const bool cache = manifest.index && std::ranges::find(manifest.references, kBuildCache,
                                                         &store::Descriptor::media_type) != manifest.references.end();
  return cache ? kBuildCache : std::string_view(manifest.artifact_type);
}

std::string MediaTypeOf(std::string_view content_type) {
  return runtime::LowerCase(runtime::Trim(content_type.substr(0, content_type.find(';'))));
}

Result<Manifest> ParseManifest(std::string_view media_type, std::string_view bytes, const ManifestRules& rules) {
  if (media_type.empty()) return Invalid("the request has no Content-Type");
  if (media_type.starts_with(kSchema1)) {
    return Invalid("image manifest version 2, schema 1 is not supported; push with a newer client");
  }
  const bool docker = media_type == kDockerManifest || media_type == kDockerList;
  const bool index = media_type == kOciIndex || media_type == kDockerList;
  if (!docker && !index && media_type != kOciManifest) return Invalid("the Content-Type is no manifest's media type");
  Result<ManifestContent> content = ReadManifest(bytes, index, rules);
  if (!content) return content.error();
  const std::string& inner = content->media_type;
  if (inner.empty() ? docker : inner != media_type) return Invalid("mediaType and Content-Type differ");
  return std::move(content->manifest);
}

}  // namespace portcall::registry
