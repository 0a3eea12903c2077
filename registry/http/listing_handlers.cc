#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "registry/http/handlers.h"
#include "registry/http/replies.h"
#include "runtime/http/url.h"
#include "runtime/json.h"
#include "store/catalog.h"
#include "store/digest.h"

namespace portcall::registry {
namespace {

using Document = nlohmann::ordered_json;

constexpr std::size_t kDefaultCatalog = 100;
// Clients older than paging expect all tags of a request without `n`; this bounds what that may cost.
constexpr std::size_t kAllTags = 100'000;

std::string Dump(const Document& json) { return runtime::Dump(json) + "\n"; }

// `n`; what is no number counts as absent, as with Distribution.
std::optional<std::size_t> AskedCount(std::string_view query) {
  std::string text;
  if (!http::QueryValue(query, "n", text)) return std::nullopt;
  std::size_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  return ec == std::errc::result_out_of_range ? std::numeric_limits<std::size_t>::max() : n;
}

store::PageOf PageFor(std::string_view query, std::size_t limit) {
  store::PageOf page;
  page.limit = limit;
  http::QueryValue(query, "last", page.last);
  return page;
}

void AddNext(const http::Request& request, const store::Names& names, std::size_t n, http::Response& response) {
  if (!names.more || names.names.empty()) return;
  std::string link = "<";
  link.append(request.path()).append("?last=").append(http::PercentEncode(names.names.back()));
  link.append("&n=").append(std::to_string(n)).append(">; rel=\"next\"");
  response.fields.Add("Link", std::move(link));
}

Document DescriptorOf(const store::ManifestRow& row) {
  Document json{{"mediaType", row.media_type}, {"digest", row.digest}, {"size", row.bytes.size()}};
  if (!row.artifact_type.empty()) json["artifactType"] = row.artifact_type;
  if (!row.annotations.empty()) json["annotations"] = Document::parse(row.annotations, nullptr, false);
  return json;
}

// Where a registry has no referrers API, clients list referrers in a tag named after the digest; adds those.
void MergeFallback(const std::string& bytes, const std::string& artifact_type, Document& manifests) {
  const Document index = Document::parse(bytes, nullptr, false);
  if (!index.is_object() || !index.contains("manifests") || !index["manifests"].is_array()) return;
  std::unordered_set<std::string> known;
  for (const Document& other : manifests) known.insert(other["digest"].get<std::string>());
  for (const Document& child : index["manifests"]) {
    const auto digest = child.find("digest");
    if (!child.is_object() || digest == child.end() || !digest->is_string()) continue;
    const auto type = child.find("artifactType");
    if (!artifact_type.empty() && (type == child.end() || *type != artifact_type)) continue;
    if (known.insert(digest->get<std::string>()).second) manifests.push_back(child);
  }
}

}  // namespace

Task<http::Response> HandleCatalog(Call& call) {
  const std::string_view query = call.request.query();
  const std::size_t most = call.config().catalog_max_entries;
  const auto asked = AskedCount(query);
  if (asked && *asked > most) {
    co_return Fail(Code::kPaginationNumberInvalid, "{\"n\":" + std::to_string(*asked) + "}");
  }
  const store::PageOf page = PageFor(query, asked.value_or(std::min(kDefaultCatalog, most)));
  Result<store::Names> names = store::Names();
  if (page.limit > 0) {
    auto list = [&](store::Snapshot& s) -> Result<store::Names> { return store::ListRepositories(s, page); };
    names = co_await call.core.deps.store.Read(list);
  }
  if (!names) co_return FailWith(names.error());
  http::Response response = Json(200, Dump({{"repositories", names->names}}));
  AddNext(call.request, *names, page.limit, response);
  co_return response;
}

Task<http::Response> HandleTags(Call& call) {
  const std::string& name = call.route.name;
  const std::string_view query = call.request.query();
  const auto asked = AskedCount(query);
  const std::size_t limit = asked ? std::min(*asked, call.config().tags_max) : kAllTags;
  const store::PageOf page = PageFor(query, std::max<std::size_t>(limit, 1));
  auto list = [&](store::Snapshot& s) -> Result<std::optional<store::Names>> { return store::ListTags(s, name, page); };
  Result<std::optional<store::Names>> tags = co_await call.core.deps.store.Read(list);
  if (!tags) co_return FailWith(tags.error());
  if (!*tags) co_return Fail(Code::kNameUnknown, QuoteObject({{"name", name}}));
  store::Names& names = **tags;
  if (limit == 0) names = store::Names();
  http::Response response = Json(200, Dump({{"name", name}, {"tags", names.names}}));
  AddNext(call.request, names, limit, response);
  co_return response;
}

Task<http::Response> HandleReferrers(Call& call) {
  const auto digest = store::Digest::Parse(call.route.reference);
  if (!digest) co_return Fail(Code::kDigestInvalid, Quote("digest parsing failed"));
  std::string artifact_type;
  const bool filtered = http::QueryValue(call.request.query(), "artifactType", artifact_type) && !artifact_type.empty();
  // distribution-spec, "Referrers Tag Schema": a long digest is cut, so that it fits into a tag.
  const std::string fallback_tag = std::string(digest->algorithm()) + "-" + std::string(digest->hex().substr(0, 64));
  Document manifests = Document::array();
  auto list = [&](store::Snapshot& s) -> Result<bool> {
    const std::string& name = call.route.name;
    for (const store::ManifestRow& row : store::ListReferrers(s, name, digest->text(), artifact_type)) {
      manifests.push_back(DescriptorOf(row));
    }
    const auto tagged = store::FindTag(s, name, fallback_tag);
    const auto fallback = tagged ? store::FindManifest(s, name, *tagged) : std::nullopt;
    if (fallback) MergeFallback(fallback->bytes, artifact_type, manifests);
    return true;
  };
  const Result<bool> listed = co_await call.core.deps.store.Read(list);
  if (!listed) co_return FailWith(listed.error());
  constexpr std::string_view kIndex = "application/vnd.oci.image.index.v1+json";
  http::Response response = Empty(200);
  response.fields.Add("Content-Type", std::string(kIndex));
  if (filtered) response.fields.Add("OCI-Filters-Applied", "artifactType");
  response.body = Dump({{"schemaVersion", 2}, {"mediaType", kIndex}, {"manifests", std::move(manifests)}});
  co_return response;
}

}  // namespace portcall::registry
