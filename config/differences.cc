#include "config/differences.h"

namespace portcall::config {

std::vector<std::string> DifferencesFromDistribution(const Config& config) {
  std::vector<std::string> differences;
  if (config.validation.urls.allows_all() && !config.validation.disabled) {
    differences.emplace_back(
        "validation.manifests.urls: is not set: manifests whose layers name urls are accepted, as the OCI's "
        "specification has it; Distribution refuses them, and allow: [] does so here");
  }
  return differences;
}

}  // namespace portcall::config
