#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "registry/catalog/fallback_index.h"
#include "registry/catalog/list_text.h"
#include "registry/deps.h"
#include "registry/model/reference.h"
#include "runtime/result.h"
#include "runtime/task.h"
#include "store/catalog.h"

namespace portcall::registry {

// Of the descriptors in one page: with what an index has around them it stays below 4 MiB, as a manifest does.
inline constexpr std::size_t kMaxReferrerBytes = (4 << 20) - 1024;
// Of the names in one page.
inline constexpr std::size_t kMaxNameBytes = 16 << 20;

struct ReferrerQuery {
  std::string artifact_type;  // picks those of one type; empty: all
  std::string from;           // the `next` of the page before; empty: from the start
};

// What there is. No listing makes an event. Each adds a page to a list, until that is full. Callable from any loop. All
// references must stay valid until the task has ended; errors are the store's, and kUnavailable of ListText. A long
// list is read in several queries, so that others have their turn between them: what comes or goes meanwhile may be in
// it or not. The text is made on the lane for queries.
class Listings {
 public:
  explicit Listings(const RegistryDeps& deps) : deps_(deps) {}

  // Repositories that hold anything, behind the name `last`, as Distribution sorts them. Whether there are more. A page
  // of no names asks nobody.
  Task<Result<bool>> Repositories(const std::string& last, ListText& list);
  // Bytewise order, behind `last`. Whether there are more; kNotFound when there is no such repository.
  Task<Result<bool>> Tags(const std::string& repository, const std::string& last, ListText& list);
  // The manifests whose subject is `digest`, each as an OCI descriptor in JSON, oldest first; behind them those that a
  // client could only list in a tag named after the digest. Where the next page begins, fit for a URL, and the same
  // whatever is pushed meanwhile; empty: there is none. kInvalid: `from` is no page's next.
  Task<Result<std::string>> Referrers(const std::string& repository, const Digest& digest, const ReferrerQuery& query,
                                      ListText& list);

 private:
  // Whether there is more behind what was read, which is what has been added to the list.
  using Piece = std::function<Result<bool>(store::Snapshot&)>;
  Task<Result<void>> Fill(ListText& list, Piece piece);
  using Tagged = std::vector<TaggedReferrer>;
  using First = std::function<std::size_t(const Tagged&)>;  // where among all of them the page begins
  Task<Result<Tagged>> ReadTagged(const std::string& repository, const std::string& tag, const ReferrerQuery& query,
                                  ListText& list);
  Task<Result<std::string>> AddTagged(const std::string& repository, const Digest& digest, const ReferrerQuery& query,
                                      const First& first, ListText& list);

  const RegistryDeps& deps_;
  LongLists long_lists_;
};

}  // namespace portcall::registry
