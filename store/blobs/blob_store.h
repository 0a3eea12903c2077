#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
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

// A blob that comes through this process. `read` fills `into` with 1..size bytes from `offset` on, 0 at the end; an
// error is final. One call at a time; `into` must stay until the result.
struct BlobStream {
  std::function<Task<Result<std::size_t>>(std::uint64_t offset, std::span<char> into)> read;
  std::uint64_t size = 0;
};

// A blob that the client fetches itself, from a place that needs no credentials of ours and holds for some minutes.
struct BlobRedirect {
  std::string url;
  std::uint64_t size = 0;
};

using BlobContent = std::variant<BlobFile, BlobStream, BlobRedirect>;
inline std::uint64_t SizeOf(const BlobContent& content) {
  return std::visit([](const auto& any) { return any.size; }, content);
}

// An upload that lies in the store, whoever began it.
struct FoundUpload {
  std::string repository, uuid;
  std::int64_t started_at = 0;  // ns since 1970
};

// A walk over all uploads, in no order. What begins or ends meanwhile may be found or not. It may be left at any place;
// the store outlives it.
class UploadWalk {
 public:
  virtual ~UploadWalk() = default;
  // The next ones: a few, or none yet. nullopt: the end. One call at a time.
  virtual Task<Result<std::optional<std::vector<FoundUpload>>>> Next() = 0;
};

// Content by digest, and uploads on their way to it (docs/delivery.md §8). No content is ever removed here but by
// Remove, which garbage collection alone calls. Where it lies is its driver's; how it is opened stands in the driver's
// folder. Nothing blocks. Callable from any loop.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  virtual Task<Result<BlobContent>> Read(Digest digest) = 0;  // kNotFound

  // Uploads: the length is the offset, whoever made it so; a restart loses what was not on disk and no more.
  virtual Task<Result<void>> StartUpload(std::string repository, std::string uuid) = 0;
  virtual Task<Result<std::uint64_t>> UploadSize(std::string repository, std::string uuid) = 0;  // kNotFound
  // Idempotent. kConflict: somebody works on it.
  virtual Task<Result<void>> DropUpload(std::string repository, std::string uuid) = 0;
  virtual std::unique_ptr<UploadWalk> WalkUploads() = 0;
  // Appends; `bytes` must stay until the result. One append per upload at a time, else kConflict. Hashes the bytes as
  // they come, so that a commit need not read the file again.
  virtual Task<Result<std::uint64_t>> Append(std::string repository, std::string uuid, std::span<const char> bytes) = 0;
  // The commit will probably name a digest of this algorithm; else sha256 is thought of. A hint: it counts while the
  // upload is empty and known to this process, and spares the commit from reading the upload again.
  virtual void Expect(const std::string& repository, const std::string& uuid, std::string_view algorithm) = 0;
  // Truncates to `size`, so that a refused chunk leaves the upload as long as it was.
  virtual Task<Result<void>> Truncate(std::string repository, std::string uuid, std::uint64_t size) = 0;

  // Verifies the digest (kInvalid when it does not match: the upload is gone), syncs file and folder and moves it to
  // its place over what lies there; then, still under the digest's lock, awaits `commit(size)`, which writes the rows.
  // The upload is gone afterwards, also when `commit` failed: the blob's file stays, and the next push adopts it.
  // kUnavailable, and the upload stays: `gone` asked to stop before the digest was known, Stop() did, or it changed.
  virtual Task<Result<std::uint64_t>> Commit(std::string repository, std::string uuid, Digest digest,
                                             std::function<Task<Result<void>>(std::uint64_t size)> commit,
                                             std::stop_token gone) = 0;
  // Bytes that are at hand, as a blob file (manifest mirrors).
  virtual Task<Result<void>> Put(Digest digest, std::string bytes) = 0;
  virtual Task<Result<void>> Remove(Digest digest) = 0;

  // Ends what may take long: a commit that would read its upload again gets kUnavailable from now on, one that has
  // begun to read it gets that from `until` on, and the upload stays. Any thread.
  virtual void Stop(std::chrono::steady_clock::time_point until) = 0;
};

}  // namespace portcall::store
