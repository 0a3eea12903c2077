#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "registry/http/handlers.h"
#include "registry/http/replies.h"
#include "runtime/http/url.h"

namespace portcall::registry {
namespace {

constexpr std::size_t kDefaultCatalog = 100;
// Clients older than paging expect all tags of a request without `n`; this bounds what that may cost.
constexpr std::size_t kAllTags = 100'000;

constexpr std::size_t kQuoted = 3;  // what a list adds to a name

// The answer to this request: a JSON object with a list, of which this is what stands before its entries.
ListText NewList(const Call& call, std::string before, const ListBounds& bounds) {
  return {std::move(before), bounds, {call.request.memory, call.request.Gone()}};
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

std::string AskedLast(std::string_view query) {
  std::string last;
  http::QueryValue(query, "last", last);
  return last;
}

// The address of the next page is this request's, as the client knows it, with another query.
void AddLink(const Call& call, std::string_view query, Reply& response) {
  std::string link = "<" + PathAtClient(call.config().http, call.request.path());
  link.append("?").append(query).append(">; rel=\"next\"");
  response.fields.Add("Link", std::move(link));
}

void AddNext(const Call& call, const ListText& list, std::size_t n, Reply& response) {
  if (list.entries() == 0) return;
  AddLink(call, "last=" + http::PercentEncode(list.last()) + "&n=" + std::to_string(n), response);
}

}  // namespace

Task<Reply> HandleCatalog(Call& call) {
  const std::string_view query = call.request.query();
  const std::size_t most = call.config().catalog_max_entries;
  const auto asked = AskedCount(query);
  if (asked && *asked > most) {
    co_return Fail(Code::kPaginationNumberInvalid, "{\"n\":" + std::to_string(*asked) + "}");
  }
  const std::size_t limit = asked.value_or(std::min(kDefaultCatalog, most));
  ListText list = NewList(call, R"({"repositories":[)", {limit, kMaxNameBytes, kMaxNameLength + kQuoted});
  const Result<bool> more = co_await call.catalog.listings().Repositories(AskedLast(query), list);
  if (!more) co_return FailWith(more.error());
  Reply response = Json(200, {});
  if (*more) AddNext(call, list, limit, response);
  response.body = std::move(list).End("]}\n");
  co_return response;
}

Task<Reply> HandleTags(Call& call) {
  const std::string& name = call.route.name;
  const std::string_view query = call.request.query();
  const auto asked = AskedCount(query);
  const std::size_t limit = asked ? std::min(*asked, call.config().tags_max) : kAllTags;
  ListText list =
      NewList(call, "{\"name\":" + Quote(name) + ",\"tags\":[", {limit, kMaxNameBytes, kMaxTagLength + kQuoted});
  const Result<bool> more = co_await call.catalog.listings().Tags(name, AskedLast(query), list);
  if (!more && more.error().code == Errc::kNotFound) co_return Fail(Code::kNameUnknown, QuoteObject({{"name", name}}));
  if (!more) co_return FailWith(more.error());
  Reply response = Json(200, {});
  if (*more) AddNext(call, list, limit, response);
  response.body = std::move(list).End("]}\n");
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
  constexpr std::string_view kIndex = "application/vnd.oci.image.index.v1+json";
  ListBounds bounds{SIZE_MAX, kMaxReferrerBytes};
  if (n && *n > 0) bounds.entries = *n;
  ListText list = NewList(
      call, std::string(R"({"schemaVersion":2,"mediaType":")").append(kIndex).append(R"(","manifests":[)"), bounds);
  const Result<std::string> next = co_await call.catalog.listings().Referrers(call.route.name, *digest, query, list);
  if (!next && next.error().code == Errc::kInvalid) {
    co_return Fail(Code::kPaginationNumberInvalid, QuoteObject({{"last", query.from}}));
  }
  if (!next) co_return FailWith(next.error());
  Reply response = Empty(200);
  response.fields.Add("Content-Type", std::string(kIndex));
  if (!query.artifact_type.empty()) response.fields.Add("OCI-Filters-Applied", "artifactType");
  if (!next->empty()) {
    std::string more = "last=" + *next;
    if (n && *n > 0) more += "&n=" + std::to_string(*n);
    if (!query.artifact_type.empty()) more += "&artifactType=" + http::PercentEncode(query.artifact_type);
    AddLink(call, more, response);
  }
  response.body = std::move(list).End("]}\n");
  co_return response;
}

}  // namespace portcall::registry
