#pragma once

#include <string>
#include <string_view>

namespace portcall::registry {

enum class Place {
  kNone,      // no such route: 404 in plain text
  kAlive,     // "/", outside every prefix
  kRedirect,  // another spelling of a path: a slash too many or too few, dots
  kBase,
  kCatalog,
  kTags,
  kTagReference,  // GitLab's address of a tag, for deletion
  kManifest,
  kBlob,
  kUploads,
  kUpload,
  kReferrers,
};

struct Route {
  Place place = Place::kNone;
  std::string name;       // repository; follows the grammar, but may be too long
  std::string reference;  // tag, digest (perhaps malformed) or upload id; of a redirect the path that was meant
};

// Reads a path from its right end, since names contain slashes and may contain words like `manifests`. `prefix` begins
// and ends with a slash. Redirects are those that Distribution's router makes.
Route MatchRoute(std::string_view path, std::string_view prefix);

// The methods that a place knows, as an Allow header lists them.
std::string_view AllowedMethods(Place place, bool read_only);
// Distribution's name of the handler, for logs and metrics.
std::string_view HandlerName(Place place);

}  // namespace portcall::registry
