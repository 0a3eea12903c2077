#pragma once

#include "registry/catalog/blobs.h"
#include "registry/catalog/listings.h"
#include "registry/catalog/manifests.h"
#include "registry/catalog/uploads.h"
#include "registry/deps.h"

namespace portcall::registry {

// The use cases of the registry: what HTTP, an import or an administrator does with its content, by names, references
// and bytes, on behalf of an Origin. Each change and its event are one transaction. No use case knows of a request.
// `deps` and the recorder outlive it, and it outlives every task of it.
class Catalog {
 public:
  Catalog(const RegistryDeps& deps, Recorder& recorder)
      : manifests_(deps, recorder), blobs_(deps, recorder), uploads_(deps, recorder), listings_(deps) {}

  Manifests& manifests() { return manifests_; }
  Blobs& blobs() { return blobs_; }
  Uploads& uploads() { return uploads_; }
  Listings& listings() { return listings_; }

 private:
  Manifests manifests_;
  Blobs blobs_;
  Uploads uploads_;
  Listings listings_;
};

}  // namespace portcall::registry
