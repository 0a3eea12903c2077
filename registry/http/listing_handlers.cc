#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "registry/http/handlers.h"
#include "registry/http/replies.h"
#include "runtime/http/url.h"
#include "runtime/json.h"

namespace portcall::registry {
namespace {

constexpr std::size_t kDefaultCatalog = 100;
// Clients older than paging expect all tags of a request without `n`; this bounds what that may cost.
constexpr std::size_t kAllTags = 100'000;

// A JSON object with a list; a list may be long, so that no tree is built of it. `name`: the list's owner, if it has
// one.
std::string Listed(std::string_view name, std::string_view key, const std::vector<std::string>& names) {
  std::string body;
  runtime::JsonWriter writer(body, runtime::JsonSpelling::kPlain);
  writer.Begin();
  writer.OptionalText("name", name);
  writer.BeginList(key);
  for (const std::string& one : names) writer.Item(one);
  writer.EndList();
  writer.End();
  return body + "\n";
}

// `n`; what is no number counts as absent, as with Distribution.
std::optional<std::size_t> AskedCount(std::string_view query) {
  std::string text;
  if (!http::QueryValue(query, "n", text)) return std::nullopt;
  std::size_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  return ec == std::errc::result_out_of_range ? std::numeric_limits<std::size_t>::max() : n;
}

PageOf PageFor(std::string_view query, std::size_t limit) {
  PageOf page;
  page.limit = limit;
  http::QueryValue(query, "last", page.last);
  return page;
}

// The address of the next page is this request's, as the client knows it, with another query.
void AddLink(const Call& call, std::string_view query, Reply& response) {
  std::string link = "<" + PathAtClient(call.config().http, call.request.path());
  link.append("?").append(query).append(">; rel=\"next\"");
  response.fields.Add("Link", std::move(link));
}

void AddNext(const Call& call, const Names& names, std::size_t n, Reply& response) {
  if (!names.more || names.names.empty()) return;
  AddLink(call, "last=" + http::PercentEncode(names.names.back()) + "&n=" + std::to_string(n), response);
}

}  // namespace

Task<Reply> HandleCatalog(Call& call) {
  const std::string_view query = call.request.query();
  const std::size_t most = call.config().catalog_max_entries;
  const auto asked = AskedCount(query);
  if (asked && *asked > most) {
    co_return Fail(Code::kPaginationNumberInvalid, "{\"n\":" + std::to_string(*asked) + "}");
  }
  const PageOf page = PageFor(query, asked.value_or(std::min(kDefaultCatalog, most)));
  const Result<Names> names = co_await call.catalog.listings().Repositories(page);
  if (!names) co_return FailWith(names.error());
  Reply response = Json(200, Listed("", "repositories", names->names));
  AddNext(call, *names, page.limit, response);
  co_return response;
}

Task<Reply> HandleTags(Call& call) {
  const std::string& name = call.route.name;
  const std::string_view query = call.request.query();
  const auto asked = AskedCount(query);
  const std::size_t limit = asked ? std::min(*asked, call.config().tags_max) : kAllTags;
  const PageOf page = PageFor(query, std::max<std::size_t>(limit, 1));
  Result<std::optional<Names>> tags = co_await call.catalog.listings().Tags(name, page);
  if (!tags) co_return FailWith(tags.error());
  if (!*tags) co_return Fail(Code::kNameUnknown, QuoteObject({{"name", name}}));
  Names& names = **tags;
  if (limit == 0) names = Names();
  Reply response = Json(200, Listed(name, "tags", names.names));
  AddNext(call, names, limit, response);
  co_return response;
}

Task<Reply> HandleReferrers(Call& call) {
  const auto digest = Digest::Parse(call.route.reference);
  if (!digest) co_return Fail(Code::kDigestInvalid, Quote("digest parsing failed"));
  const std::string_view asked = call.request.query();
  ReferrerQuery query;
  http::QueryValue(asked, "artifactType", query.artifact_type);
  http::QueryValue(asked, "last", query.from);
  const std::optional<std::size_t> n = AskedCount(asked);
  if (n && *n > 0) query.limit = *n;
  const Result<ReferrerPage> page = co_await call.catalog.listings().Referrers(call.route.name, *digest, query);
  if (!page && page.error().code == Errc::kInvalid) {
    co_return Fail(Code::kPaginationNumberInvalid, QuoteObject({{"last", query.from}}));
  }
  if (!page) co_return FailWith(page.error());
  constexpr std::string_view kIndex = "application/vnd.oci.image.index.v1+json";
  Reply response = Empty(200);
  response.fields.Add("Content-Type", std::string(kIndex));
  if (!query.artifact_type.empty()) response.fields.Add("OCI-Filters-Applied", "artifactType");
  if (!page->next.empty()) {
    std::string more = "last=" + page->next;
    if (n && *n > 0) more += "&n=" + std::to_string(*n);
    if (!query.artifact_type.empty()) more += "&artifactType=" + http::PercentEncode(query.artifact_type);
    AddLink(call, more, response);
  }
  std::string body = R"({"schemaVersion":2,"mediaType":")";
  body.append(kIndex).append(R"(","manifests":[)");
  for (const std::string& descriptor : page->descriptors) {
    if (&descriptor != &page->descriptors.front()) body += ',';
    body += descriptor;
  }
  response.body = body + "]}\n";
  co_return response;
}

}  // namespace portcall::registry
