#include "registry/model/origin.h"

namespace portcall::registry {
namespace {

std::string Joined(std::string_view base_url, std::string_view repository, std::string_view kind,
                   std::string_view digest) {
  std::string url;
  url.reserve(base_url.size() + repository.size() + kind.size() + digest.size());
  url.append(base_url).append(repository).append(kind).append(digest);
  return url;
}

}  // namespace

std::string ManifestUrl(std::string_view base_url, std::string_view repository, std::string_view digest) {
  return Joined(base_url, repository, "/manifests/", digest);
}

std::string BlobUrl(std::string_view base_url, std::string_view repository, std::string_view digest) {
  return Joined(base_url, repository, "/blobs/", digest);
}

}  // namespace portcall::registry
