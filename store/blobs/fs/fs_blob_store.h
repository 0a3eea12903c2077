#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <string>

#include "store/blobs/blob_store.h"
#include "store/blobs/fs/layout.h"
#include "store/blobs/fs/uploads.h"
#include "store/digest_locks.h"

namespace portcall::store {

// BlobStore over a folder of a local or network file system. Order of a commit: the file's bytes on disk, the rename,
// the folder on disk, then the rows.
class FsBlobStore final : public BlobStore {
 public:
  FsBlobStore(const std::filesystem::path& root, asio::thread_pool& pool, DigestLocks& locks,
              std::uint64_t reserve_bytes);
  Result<void> Prepare();  // once, before everything else

  Task<Result<BlobContent>> Read(Digest digest) override;
  Task<Result<void>> StartUpload(std::string repository, std::string uuid) override;
  Task<Result<std::uint64_t>> UploadSize(std::string repository, std::string uuid) override;
  Task<Result<void>> DropUpload(std::string repository, std::string uuid) override;
  std::unique_ptr<UploadWalk> WalkUploads() override;
  Task<Result<std::uint64_t>> Append(std::string repository, std::string uuid, std::span<const char> bytes) override;
  Task<Result<void>> Truncate(std::string repository, std::string uuid, std::uint64_t size) override;
  Task<Result<std::uint64_t>> Commit(std::string repository, std::string uuid, Digest digest,
                                     std::function<Task<Result<void>>(std::uint64_t size)> commit) override;
  Task<Result<void>> Put(Digest digest, std::string bytes) override;
  Task<Result<void>> Remove(Digest digest) override;

 private:
  Result<void> CheckRoom();
  // Opens the upload's file where memory holds no state of it; `turn` has the complete state afterwards.
  Result<void> Know(Uploads::Turn& turn, const std::filesystem::path& path);
  Result<std::uint64_t> Settle(Uploads::Turn& turn, const std::filesystem::path& upload, const Digest& digest);
  Result<void> MoveInto(const std::filesystem::path& from, const Digest& digest);

  const Layout layout_;
  asio::thread_pool& pool_;
  DigestLocks& locks_;
  const std::uint64_t reserve_bytes_;
  std::atomic<std::int64_t> next_room_check_{INT64_MIN};  // steady ms; the first look is made at once
  std::atomic<bool> room_{true};
  Uploads uploads_;
};

}  // namespace portcall::store
