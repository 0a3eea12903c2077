#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/capability.h"
#include "store/catalog.h"
#include "store/event.h"

namespace portcall::store {

// The changes of the catalog, each whole: what must be true is looked up before anything is written, and the events
// that tell of the change are appended with it. They throw only when the database fails.

struct ManifestPush {
  std::string repository;
  ManifestRow manifest;
  std::vector<std::string> blobs;      // must be linked in the repository
  std::vector<std::string> manifests;  // must be there as manifests or as linked blobs: build caches do that
  std::vector<std::string> tags;       // to point at it
  // The push's event, with the first of the tags, and the details of the events of the other tags. Neither names a
  // previous digest: that is put into the event of each tag that named one.
  Event event;
  Details details;
};
// The digests that the repository lacks, in their order, at most kMostMissing. If there are any, nothing was changed.
inline constexpr std::size_t kMostMissing = 1'000;
std::vector<std::string> PushManifest(Tx& tx, const ManifestPush& push);

struct ManifestDeletion {
  std::string repository, digest;
  Event event;
  Event tag_event;  // of each tag that goes, which the store fills in
};
// With all tags that name it, however many. False: it is not there.
bool DeleteManifest(Tx& tx, const ManifestDeletion& deletion);

struct TagDeletion {
  std::string repository, tag;
  Event event;
};
bool DeleteTag(Tx& tx, const TagDeletion& deletion);  // false: there is none

struct UploadFinish {
  std::string repository, digest;
  std::int64_t size = 0;  // of the blob, which is in its place
  std::string uuid;       // the upload whose row goes; empty: it has none
  Event event;
};
// Makes the blob one of the repository, which it makes where there is none.
void FinishUpload(Tx& tx, const UploadFinish& finish);

struct BlobMount {
  std::string repository, digest;
  std::string from;  // the repository that must link it
  Event event;       // gets the blob's size
};
bool MountBlob(Tx& tx, const BlobMount& mount);  // false: there is none to mount

struct BlobDeletion {
  std::string repository, digest;
  Event event;
};
// Takes the blob out of this repository alone. False: it is not in it.
bool DeleteBlob(Tx& tx, const BlobDeletion& deletion);

}  // namespace portcall::store
