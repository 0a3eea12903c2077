#include "registry/request/routes.h"

#include <algorithm>
#include <utility>

#include "registry/model/reference.h"
#include "runtime/http/url.h"

namespace portcall::registry {
namespace {

// Takes the last path segment off; false when there is none.
bool PopSegment(std::string_view& path, std::string_view& segment) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return false;
  segment = path.substr(slash + 1);
  path.remove_suffix(path.size() - slash);
  return true;
}

Route Named(Place place, std::string_view name, std::string_view reference = {}) {
  if (!IsRepositoryName(name)) return {};
  return {place, std::string(name), std::string(reference)};
}

// `path` is what follows "/v2/": name, kind, reference.
Route MatchRepository(std::string_view path) {
  std::string_view rest = path, last, kind;
  if (rest.ends_with("/blobs/uploads/")) return Named(Place::kUploads, rest.substr(0, rest.size() - 15));
  if (rest.ends_with("/blobs/uploads")) return Named(Place::kUploads, rest.substr(0, rest.size() - 14));
  if (!PopSegment(rest, last) || !PopSegment(rest, kind) || last.empty()) return {};
  if (kind == "manifests" && (IsTag(last) || LooksLikeDigest(last))) return Named(Place::kManifest, rest, last);
  if (kind == "blobs" && LooksLikeDigest(last)) return Named(Place::kBlob, rest, last);
  if (kind == "referrers" && LooksLikeDigest(last)) return Named(Place::kReferrers, rest, last);
  if (kind == "tags" && last == "list") return Named(Place::kTags, rest);
  std::string_view above;
  if (!PopSegment(rest, above)) return {};
  if (above == "blobs" && kind == "uploads") return Named(Place::kUpload, rest, last);
  if (above == "tags" && kind == "reference" && IsTag(last)) return Named(Place::kTagReference, rest, last);
  return {};
}

Route Match(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return {};
  path.remove_prefix(prefix.size());
  if (!path.starts_with("v2/")) return {};
  path.remove_prefix(3);
  if (path.empty()) return {Place::kBase, {}, {}};
  if (path == "_catalog") return {Place::kCatalog, {}, {}};
  return MatchRepository(path);
}

// The path without empty segments, "." and "..", as RFC 3986 §5.2.4 removes them.
std::string Cleaned(std::string_view path) {
  if (!path.starts_with('/')) return std::string(path);
  if (path.find("//") == std::string_view::npos && path.find("/.") == std::string_view::npos) return std::string(path);
  std::string clean;
  for (std::string_view rest = path; !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    const bool last = rest.empty();
    if (segment == "..") {
      clean.erase(std::min(clean.rfind('/'), clean.size()));
    } else if (!segment.empty() && segment != ".") {
      clean.append("/").append(segment);
      continue;
    }
    if (last) clean += '/';
  }
  return clean.empty() ? "/" : clean;
}

}  // namespace

Route MatchRoute(std::string_view path, std::string_view prefix) {
  if (path == "/") return {Place::kAlive, {}, {}};
  std::string decoded;
  if (path.find('%') != std::string_view::npos) {
    path = decoded = http::PercentDecode(path);
  } else if (std::string clean = Cleaned(path); clean != path) {
    return Match(clean, prefix).place == Place::kNone ? Route() : Route{Place::kRedirect, {}, std::move(clean)};
  }
  Route route = Match(path, prefix);
  if (route.place != Place::kNone || !decoded.empty()) return route;
  std::string other(path);
  if (path.ends_with('/')) {
    other.pop_back();
  } else {
    other += '/';
  }
  return Match(other, prefix).place == Place::kNone ? Route() : Route{Place::kRedirect, {}, std::move(other)};
}

std::string_view AllowedMethods(Place place, bool read_only) {
  switch (place) {
    case Place::kCatalog:
    case Place::kTags:
    case Place::kReferrers:
      return "GET";
    case Place::kTagReference:
      return read_only ? "" : "DELETE";
    case Place::kManifest:
      return read_only ? "GET, HEAD" : "DELETE, GET, HEAD, PUT";
    case Place::kBlob:
      return read_only ? "GET, HEAD" : "DELETE, GET, HEAD";
    case Place::kUploads:
      return read_only ? "GET, HEAD" : "POST";
    case Place::kUpload:
      return read_only ? "GET, HEAD" : "DELETE, GET, HEAD, PATCH, PUT";
    default:
      return {};
  }
}

std::string_view HandlerName(Place place) {
  switch (place) {
    case Place::kAlive:
    case Place::kBase:
    case Place::kRedirect:
      return "base";
    case Place::kCatalog:
      return "catalog";
    case Place::kTags:
    case Place::kTagReference:
      return "tags";
    case Place::kManifest:
      return "manifest";
    case Place::kBlob:
      return "blob";
    case Place::kUploads:
      return "blob_upload";
    case Place::kUpload:
      return "blob_upload_chunk";
    case Place::kReferrers:
      return "referrers";
    case Place::kNone:
      break;
  }
  return {};
}

}  // namespace portcall::registry
