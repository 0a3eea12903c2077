#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/capability.h"

namespace portcall::store {

// The catalog: repositories, manifests, tags, blob links, uploads. Free functions over a capability. They throw only
// when the database fails; the store reports that.

struct ManifestRow {
  std::string digest, media_type;
  std::string bytes;          // exactly as pushed
  std::string subject;        // digest, or empty
  std::string artifact_type;  // for referrers; empty where none
  std::string annotations;    // JSON object text for referrers; empty where none
};
// What a list of referrers says of a manifest. Its bytes are not read for it.
struct ReferrerRow {
  std::string digest, media_type, artifact_type, annotations;
  std::uint64_t size = 0;  // of its bytes
  std::int64_t place = 0;  // where it stands in the list; opaque, above 0, the same in every page
};
struct TagRow {
  std::string name, digest;
};
struct PageOf {
  std::size_t limit = 100;
  std::string last;  // exclusive; empty: from the start
};
struct Names {
  std::vector<std::string> names;
  bool more = false;
  std::string unseen = {};  // not empty: the look ended early, and what is behind this name was not looked at
};
// Rows that one call looks at, so that no query holds its reader for long, whatever clients have stored.
inline constexpr std::size_t kRowsAtOnce = 1024;

bool RepositoryExists(Snapshot& s, std::string_view repository);
std::optional<ManifestRow> FindManifest(Snapshot& s, std::string_view repository, std::string_view digest);
std::optional<std::string> FindTag(Snapshot& s, std::string_view repository, std::string_view tag);  // its digest
// Bytewise order. nullopt: no such repository.
std::optional<Names> ListTags(Snapshot& s, std::string_view repository, const PageOf& page);
// Repositories that hold a manifest or a blob link, `/` sorting before every other byte, as Distribution lists them.
// Looks at `most` repositories; those that hold nothing any more count as well.
Names ListRepositories(Snapshot& s, const PageOf& page, std::size_t most = kRowsAtOnce);
// Size of a blob that is linked into the repository.
std::optional<std::int64_t> FindBlob(Snapshot& s, std::string_view repository, std::string_view digest);
// The manifests whose subject is `digest`, oldest first, from behind `after` (a row's place; 0: from the start) until
// `take` says that it has had enough. None for anything unknown. `artifact_type` picks those of one type; empty: all.
// Looks at `most` of them, of whatever type. The place behind which others were not looked at; nullopt: there are none,
// or `take` has had enough.
std::optional<std::int64_t> ListReferrers(Snapshot& s, std::string_view repository, std::string_view digest,
                                          std::string_view artifact_type, std::int64_t after,
                                          const std::function<bool(ReferrerRow row)>& take,
                                          std::size_t most = kRowsAtOnce);
// Whether the manifest is among them.
bool IsReferrer(Snapshot& s, std::string_view repository, std::string_view manifest, std::string_view subject);

// Changes of all but uploads stand in catalog_changes.h.
struct UploadRow {
  std::string uuid, repository;
  std::int64_t started_at = 0;  // ns since 1970
};
void PutUpload(Tx& tx, const UploadRow& upload);
bool DeleteUpload(Tx& tx, std::string_view uuid);
std::optional<UploadRow> FindUpload(Snapshot& s, std::string_view uuid);
// In the order of started_at and uuid, those behind `after`.
std::vector<UploadRow> UploadsStartedBefore(Snapshot& s, std::int64_t unix_nanos, std::size_t limit,
                                            const std::optional<UploadRow>& after = std::nullopt);
bool CatalogIsEmpty(Snapshot& s);

}  // namespace portcall::store
