#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/result.h"
#include "runtime/task.h"
#include "store/digest.h"

namespace portcall::store {

// An open blob. The descriptor stays valid, also when the file is removed meanwhile.
struct BlobFile {
  std::shared_ptr<const void> keep;
  int fd = -1;
  std::uint64_t size = 0;
};

// Content by digest in files, in Distribution's layout: <root>/docker/registry/v2/blobs/<alg>/<2 hex>/<hex>/data, and
// uploads under repositories/<name>/_uploads/<uuid>/data (docs/delivery.md §8). No file under blobs/ is removed here
// but by Remove, which garbage collection alone calls. All disk work runs on the pool. Callable from any loop.
class BlobStore {
 public:
  // Makes the folders and clears its own temporary files. kUnavailable says which folder and why. With less than
  // `reserve_bytes` free on the volume, what would write gets kNoSpace.
  static Result<std::unique_ptr<BlobStore>> Open(std::filesystem::path root, asio::thread_pool& pool,
                                                 std::uint64_t reserve_bytes = 0);
  // Whether `root` holds repositories (links of layers or manifests) in Distribution's layout. If the catalog is new,
  // they belong to another registry, and serving would hide them. Writes nothing.
  static bool HasRepositories(const std::filesystem::path& root);
  virtual ~BlobStore() = default;

  virtual Task<Result<BlobFile>> OpenBlob(Digest digest) = 0;  // kNotFound

  // Uploads: the file's length is the offset; a restart loses what was not on disk and no more.
  virtual Task<Result<void>> StartUpload(std::string repository, std::string uuid) = 0;
  virtual Task<Result<std::uint64_t>> UploadSize(std::string repository, std::string uuid) = 0;  // kNotFound
  virtual Task<Result<void>> DropUpload(std::string repository, std::string uuid) = 0;           // idempotent
  // Appends; `bytes` must stay until the result. One append per upload at a time, else kConflict. Hashes the bytes as
  // they come, so that a commit need not read the file again.
  virtual Task<Result<std::uint64_t>> Append(std::string repository, std::string uuid, std::span<const char> bytes) = 0;
  // Truncates to `size`, so that a refused chunk leaves the upload as long as it was.
  virtual Task<Result<void>> Truncate(std::string repository, std::string uuid, std::uint64_t size) = 0;

  // Verifies the digest (kInvalid when it does not match: the upload is gone), syncs file and folder and moves it to
  // its place over what lies there; then, still under the digest's lock, awaits `commit(size)`, which writes the rows.
  // The upload is gone afterwards, also when `commit` failed: the blob's file stays, and the next push adopts it.
  virtual Task<Result<std::uint64_t>> Commit(std::string repository, std::string uuid, Digest digest,
                                             std::function<Task<Result<void>>(std::uint64_t size)> commit) = 0;
  // Bytes that are at hand, as a blob file (manifest mirrors).
  virtual Task<Result<void>> Put(Digest digest, std::string bytes) = 0;
  virtual Task<Result<void>> Remove(Digest digest) = 0;
};

}  // namespace portcall::store
