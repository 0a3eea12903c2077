#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "runtime/result.h"
#include "store/blobs/blob_store.h"
#include "store/digest_locks.h"

namespace portcall::store {

// Blobs in a folder of a local or network file system, in Distribution's layout. Makes the folders and clears its own
// temporary files. kUnavailable says which folder and why. With less than `reserve_bytes` free on the volume, what
// would write gets kNoSpace. The pool and the locks outlive it.
Result<std::unique_ptr<BlobStore>> OpenFilesystem(std::filesystem::path root, asio::thread_pool& pool,
                                                  DigestLocks& locks, std::uint64_t reserve_bytes = 0);

// What lies in a folder before it is opened. Writes nothing.
struct TreeSurvey {
  // Links of layers or manifests. If the catalog is new, they belong to another registry, and serving would hide them.
  bool has_repositories = false;
  bool has_content = false;
  std::filesystem::path content;  // where that lies
};
TreeSurvey SurveyTree(const std::filesystem::path& root);

}  // namespace portcall::store
