#include "registry/catalog/listings.h"

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "runtime/json.h"

namespace portcall::registry {
namespace {

using Document = nlohmann::ordered_json;

std::string DescriptorOf(const store::ManifestRow& row) {
  Document json{{"mediaType", row.media_type}, {"digest", row.digest}, {"size", row.bytes.size()}};
  if (!row.artifact_type.empty()) json["artifactType"] = row.artifact_type;
  if (!row.annotations.empty()) json["annotations"] = Document::parse(row.annotations, nullptr, false);
  return runtime::Dump(json);
}

// Where a registry has no referrers API, clients list referrers in a tag named after the digest; adds those.
void MergeFallback(const std::string& bytes, const std::string& artifact_type, std::unordered_set<std::string> known,
                   std::vector<std::string>& descriptors) {
  const Document index = Document::parse(bytes, nullptr, false);
  if (!index.is_object() || !index.contains("manifests") || !index["manifests"].is_array()) return;
  for (const Document& child : index["manifests"]) {
    const auto digest = child.find("digest");
    if (!child.is_object() || digest == child.end() || !digest->is_string()) continue;
    const auto type = child.find("artifactType");
    if (!artifact_type.empty() && (type == child.end() || *type != artifact_type)) continue;
    if (known.insert(digest->get<std::string>()).second) descriptors.push_back(runtime::Dump(child));
  }
}

}  // namespace

Task<Result<Names>> Listings::Repositories(const PageOf& page) {
  if (page.limit == 0) co_return Names();
  auto list = [&](store::Snapshot& s) -> Result<Names> { return store::ListRepositories(s, page); };
  co_return co_await deps_.store.Read(list);
}

Task<Result<std::optional<Names>>> Listings::Tags(const std::string& repository, const PageOf& page) {
  auto list = [&](store::Snapshot& s) -> Result<std::optional<Names>> { return store::ListTags(s, repository, page); };
  co_return co_await deps_.store.Read(list);
}

Task<Result<std::vector<std::string>>> Listings::Referrers(const std::string& repository, const Digest& digest,
                                                           const std::string& artifact_type) {
  // distribution-spec, "Referrers Tag Schema": a long digest is cut, so that it fits into a tag.
  const std::string fallback_tag = std::string(digest.algorithm()) + "-" + std::string(digest.hex().substr(0, 64));
  auto list = [&](store::Snapshot& s) -> Result<std::vector<std::string>> {
    std::vector<std::string> descriptors;
    std::unordered_set<std::string> known;
    for (const store::ManifestRow& row : store::ListReferrers(s, repository, digest.text(), artifact_type)) {
      descriptors.push_back(DescriptorOf(row));
      known.insert(row.digest);
    }
    const auto tagged = store::FindTag(s, repository, fallback_tag);
    const auto fallback = tagged ? store::FindManifest(s, repository, *tagged) : std::nullopt;
    if (fallback) MergeFallback(fallback->bytes, artifact_type, std::move(known), descriptors);
    return descriptors;
  };
  co_return co_await deps_.store.Read(list);
}

}  // namespace portcall::registry
