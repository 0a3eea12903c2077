#pragma once

#include <optional>
#include <string>
#include <vector>

#include "registry/deps.h"
#include "registry/model/reference.h"
#include "runtime/result.h"
#include "runtime/task.h"
#include "store/catalog.h"

namespace portcall::registry {

using store::Names;
using store::PageOf;

// What there is. No listing makes an event. Callable from any loop. All references must stay valid until the task has
// ended; errors are the store's.
class Listings {
 public:
  explicit Listings(const RegistryDeps& deps) : deps_(deps) {}

  // Repositories that hold anything, as Distribution sorts them. A page of no names asks nobody.
  Task<Result<Names>> Repositories(const PageOf& page);
  // Bytewise order; nullopt when there is no such repository.
  Task<Result<std::optional<Names>>> Tags(const std::string& repository, const PageOf& page);
  // The manifests whose subject is `digest`, each as an OCI descriptor in JSON, also those that a client could only
  // list in a tag named after the digest. `artifact_type` picks those of one type; empty: all.
  Task<Result<std::vector<std::string>>> Referrers(const std::string& repository, const Digest& digest,
                                                   const std::string& artifact_type);

 private:
  const RegistryDeps& deps_;
};

}  // namespace portcall::registry
