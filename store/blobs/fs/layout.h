#pragma once

#include <filesystem>
#include <string_view>

#include "store/digest.h"

namespace portcall::store {

// Where everything lies in Distribution's tree: <root>/docker/registry/v2/blobs/<alg>/<2 hex>/<hex>/data for content,
// and repositories/<name>/_uploads/<uuid> for uploads. Nobody else knows.
class Layout {
 public:
  explicit Layout(const std::filesystem::path& root);

  std::filesystem::path Blob(const Digest& digest) const;
  std::filesystem::path Upload(std::string_view repository, std::string_view uuid) const;  // its folder
  const std::filesystem::path& root() const { return root_; }
  const std::filesystem::path& blobs() const { return blobs_; }
  const std::filesystem::path& repositories() const { return repositories_; }
  const std::filesystem::path& temporary() const { return temporary_; }  // our own, beside the tree

 private:
  const std::filesystem::path root_, blobs_, repositories_, temporary_;
};

}  // namespace portcall::store
