#include "store/blobs/fs/layout.h"

#include <system_error>

#include "store/blobs/fs/filesystem.h"

namespace portcall::store {

namespace fs = std::filesystem;

Layout::Layout(const fs::path& root)
    : root_(root),
      blobs_(root / "docker/registry/v2/blobs"),
      repositories_(root / "docker/registry/v2/repositories"),
      temporary_(root / ".portcall-temporary") {}

fs::path Layout::Blob(const Digest& digest) const {
  return blobs_ / digest.algorithm() / digest.hex().substr(0, 2) / digest.hex() / "data";
}

fs::path Layout::Upload(std::string_view repository, std::string_view uuid) const {
  return repositories_ / repository / "_uploads" / uuid;
}

std::vector<fs::path> FoldersOf(const fs::path& root) {
  const Layout layout(root);
  return {layout.blobs(), layout.repositories(), layout.temporary()};
}

TreeSurvey SurveyTree(const fs::path& root) {
  const Layout layout(root);
  TreeSurvey survey;
  survey.content = layout.blobs() / "sha256";
  std::error_code none;
  survey.has_content = !fs::is_empty(survey.content, none) && !none;
  std::error_code ec;
  fs::recursive_directory_iterator walk(layout.repositories(), fs::directory_options::skip_permission_denied, ec);
  for (; !ec && walk != fs::recursive_directory_iterator(); walk.increment(ec)) {
    const std::string name = walk->path().filename();
    if (name == "_layers" || name == "_manifests") {
      survey.has_repositories = true;
      break;
    }
    if (name.starts_with('_')) walk.disable_recursion_pending();
  }
  return survey;
}

}  // namespace portcall::store
