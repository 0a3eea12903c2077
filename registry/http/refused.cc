#include "registry/http/refused.h"

#include "registry/model/reference.h"

namespace portcall::registry {
namespace {

store::Kind KindOf(const Route& route) {
  switch (route.place) {
    case Place::kBlob:
    case Place::kUploads:
    case Place::kUpload:
      return store::Kind::kBlob;
    case Place::kManifest:
      return IsTag(route.reference) ? store::Kind::kTag : store::Kind::kManifest;
    case Place::kTagReference:
      return store::Kind::kTag;
    case Place::kReferrers:
      return store::Kind::kManifest;
    case Place::kTags:
      return store::Kind::kRepository;
    default:
      return store::Kind::kSystem;
  }
}

}  // namespace

bool IsRefusal(const http::Request& request, int status) {
  return status == 403 || status == 405 || status == 429 || (status == 401 && request.fields.Has("Authorization"));
}

RefusedTarget TargetOf(const Route& route) {
  // The reference of an upload is its id, neither a tag nor a digest.
  const bool named = route.place != Place::kUpload;
  return {KindOf(route), route.name, named ? std::string_view(route.reference) : std::string_view()};
}

}  // namespace portcall::registry
