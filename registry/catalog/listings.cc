#include "registry/catalog/listings.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "runtime/json.h"
#include "runtime/text.h"

namespace portcall::registry {
namespace {

using Document = nlohmann::ordered_json;

// Where a page begins: behind a row of the catalog, or behind so many entries of the tag that old clients keep.
struct Place {
  std::int64_t row = 0;
  std::optional<std::size_t> entry;
};
constexpr char kEntry = 't';  // begins the places in the tag

std::optional<Place> ReadPlace(std::string_view text) {
  Place place;
  if (text.empty()) return place;
  if (text.front() != kEntry) {
    const auto row = runtime::ParseNumber<std::int64_t>(text);
    if (!row || *row <= 0) return std::nullopt;
    place.row = *row;
    return place;
  }
  place.entry = runtime::ParseNumber<std::size_t>(text.substr(1));
  return place.entry ? std::optional(place) : std::nullopt;
}

// A page that is being filled.
class Filling {
 public:
  Filling(ReferrerPage& page, std::size_t limit) : page_(page), limit_(limit) {}
  // False: the page is full, and this descriptor is for the next.
  bool Add(std::string descriptor) {
    const std::size_t more = descriptor.size() + 1;  // and a comma
    const bool first = page_.descriptors.empty();
    if (!first && (page_.descriptors.size() >= limit_ || bytes_ + more > kMaxReferrerBytes)) return false;
    bytes_ += more;
    page_.descriptors.push_back(std::move(descriptor));
    return true;
  }

 private:
  ReferrerPage& page_;
  const std::size_t limit_;
  std::size_t bytes_ = 0;
};

std::string DescriptorOf(const store::ReferrerRow& row) {
  Document json{{"mediaType", row.media_type}, {"digest", row.digest}, {"size", row.size}};
  if (!row.artifact_type.empty()) json["artifactType"] = row.artifact_type;
  if (!row.annotations.empty()) json["annotations"] = Document::parse(row.annotations, nullptr, false);
  return runtime::Dump(json);
}

// False: the page is full, and says where the next begins.
bool AddRows(store::Snapshot& s, const std::string& repository, const Digest& digest, const ReferrerQuery& query,
             std::int64_t after, ReferrerPage& page, Filling& filling) {
  std::int64_t last = after;
  bool full = false;
  store::ListReferrers(s, repository, digest.text(), query.artifact_type, after, [&](const store::ReferrerRow& row) {
    full = !filling.Add(DescriptorOf(row));
    if (!full) last = row.place;
    return !full;
  });
  if (full) page.next = std::to_string(last);
  return !full;
}

// Where a registry has no referrers API, clients list referrers in a tag named after the digest: adds those that the
// catalog does not know as such.
void AddTagged(store::Snapshot& s, const std::string& repository, const Digest& digest, const ReferrerQuery& query,
               std::size_t after, ReferrerPage& page, Filling& filling) {
  // distribution-spec, "Referrers Tag Schema": a long digest is cut, so that it fits into a tag.
  const std::string tag = std::string(digest.algorithm()) + "-" + std::string(digest.hex().substr(0, 64));
  const auto tagged = store::FindTag(s, repository, tag);
  const auto fallback = tagged ? store::FindManifest(s, repository, *tagged) : std::nullopt;
  if (!fallback) return;
  const Document index = Document::parse(fallback->bytes, nullptr, false);
  if (!index.is_object() || !index.contains("manifests") || !index["manifests"].is_array()) return;
  std::unordered_set<std::string> seen;
  std::size_t at = 0;
  for (const Document& child : index["manifests"]) {
    ++at;
    if (!child.is_object()) continue;
    const auto name = child.find("digest");
    if (name == child.end() || !name->is_string()) continue;
    const auto type = child.find("artifactType");
    if (!query.artifact_type.empty() && (type == child.end() || *type != query.artifact_type)) continue;
    const auto& text = name->get_ref<const std::string&>();
    if (!seen.insert(text).second || at <= after || store::IsReferrer(s, repository, text, digest.text())) continue;
    if (filling.Add(runtime::Dump(child))) continue;
    page.next = kEntry + std::to_string(at - 1);
    return;
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

Task<Result<ReferrerPage>> Listings::Referrers(const std::string& repository, const Digest& digest,
                                               const ReferrerQuery& query) {
  const std::optional<Place> from = ReadPlace(query.from);
  if (!from) co_return Error(Errc::kInvalid, "no page of referrers begins there");
  auto list = [&](store::Snapshot& s) -> Result<ReferrerPage> {
    ReferrerPage page;
    Filling filling(page, query.limit);
    if (!from->entry && !AddRows(s, repository, digest, query, from->row, page, filling)) return page;
    AddTagged(s, repository, digest, query, from->entry.value_or(0), page, filling);
    return page;
  };
  co_return co_await deps_.store.Read(list);
}

}  // namespace portcall::registry
