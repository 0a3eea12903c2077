#include "registry/request/routed_request.h"

namespace portcall::registry {
namespace {

// What Distribution's log calls a route's reference.
std::string_view KeyOf(Place place) {
  switch (place) {
    case Place::kManifest:
    case Place::kTagReference:
      return "vars.reference";
    case Place::kBlob:
    case Place::kReferrers:
      return "vars.digest";
    case Place::kUpload:
      return "vars.uuid";
    default:
      return {};
  }
}

}  // namespace

std::vector<runtime::LogField> RoutedRequest::LogFields() const {
  std::vector<runtime::LogField> fields = notes;
  if (route.name.empty()) return fields;
  fields.push_back({"vars.name", route.name});
  if (const std::string_view key = KeyOf(route.place); !key.empty()) fields.push_back({key, route.reference});
  return fields;
}

}  // namespace portcall::registry
