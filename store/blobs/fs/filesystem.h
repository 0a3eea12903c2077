#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "runtime/result.h"
#include "store/blobs/blob_store.h"
#include "store/digest_locks.h"

namespace portcall::store {

// The threads for disks, and those for reading and hashing an upload again that was not hashed as it came: piece by
// piece, so that long ones take turns with short ones. Both outlive the store.
struct FilesystemLanes {
  asio::thread_pool& files;
  asio::thread_pool& hashing;
};

struct FilesystemLimits {
  std::uint64_t reserve_bytes = 0;  // with less free on the volume, what would write gets kNoSpace
  std::size_t open_uploads = 64;    // so many keep their files open between two requests
};

// Blobs in a folder of a local or network file system, in Distribution's layout. Makes the folders and clears its own
// temporary files. kUnavailable says which folder and why. The locks outlive it.
Result<std::unique_ptr<BlobStore>> OpenFilesystem(std::filesystem::path root, FilesystemLanes lanes, DigestLocks& locks,
                                                  const FilesystemLimits& limits = {});

// What lies in a folder before it is opened. Writes nothing.
struct TreeSurvey {
  // Links of layers or manifests. If the catalog is new, they belong to another registry, and serving would hide them.
  bool has_repositories = false;
  bool has_content = false;
  std::filesystem::path content;  // where that lies
};
TreeSurvey SurveyTree(const std::filesystem::path& root);
// Where blobs, uploads and temporary files lie, there or not.
std::vector<std::filesystem::path> FoldersOf(const std::filesystem::path& root);

}  // namespace portcall::store
