#pragma once

#include <cstddef>
#include <cstdint>
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

// Of the descriptors in one page: with what an index has around them it stays below 4 MiB, as a manifest does.
inline constexpr std::size_t kMaxReferrerBytes = (4 << 20) - 1024;

struct ReferrerQuery {
  std::string artifact_type;  // picks those of one type; empty: all
  std::string from;           // the `next` of the page before; empty: from the start
  std::size_t limit = SIZE_MAX;
};
struct ReferrerPage {
  std::vector<std::string> descriptors;
  std::string next;  // where the next page begins, fit for a URL; empty: there is none
};

// What there is. No listing makes an event. Callable from any loop. All references must stay valid until the task has
// ended; errors are the store's. A long list is read in several queries, so that others have their turn between them:
// what comes or goes meanwhile may be in it or not.
class Listings {
 public:
  explicit Listings(const RegistryDeps& deps) : deps_(deps) {}

  // Repositories that hold anything, as Distribution sorts them. A page of no names asks nobody.
  Task<Result<Names>> Repositories(const PageOf& page);
  // Bytewise order; nullopt when there is no such repository.
  Task<Result<std::optional<Names>>> Tags(const std::string& repository, const PageOf& page);
  // A page of the manifests whose subject is `digest`, each as an OCI descriptor in JSON, oldest first; behind them
  // those that a client could only list in a tag named after the digest. The page ends before kMaxReferrerBytes or
  // `limit` are passed, but has one descriptor at least where there is one. kInvalid: `from` is no page's `next`.
  Task<Result<ReferrerPage>> Referrers(const std::string& repository, const Digest& digest, const ReferrerQuery& query);

 private:
  Task<Result<void>> AddTagged(const std::string& repository, const Digest& digest, const ReferrerQuery& query,
                               std::size_t after, ReferrerPage& page);

  const RegistryDeps& deps_;
};

}  // namespace portcall::registry
