#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "store/blobs/blob_store.h"
#include "store/blobs/digest_locks.h"
#include "store/blobs/fs/uploads.h"

namespace portcall::store {

// BlobStore over a folder of a local or network file system. Order of a commit: the file's bytes on disk, the rename,
// the folder on disk, then the rows.
class FsBlobStore final : public BlobStore {
 public:
  FsBlobStore(std::filesystem::path root, asio::thread_pool& pool, std::uint64_t reserve_bytes);

  Task<Result<BlobFile>> OpenBlob(Digest digest) override;
  Task<Result<void>> StartUpload(std::string repository, std::string uuid) override;
  Task<Result<std::uint64_t>> UploadSize(std::string repository, std::string uuid) override;
  Task<Result<void>> DropUpload(std::string repository, std::string uuid) override;
  Task<Result<std::uint64_t>> Append(std::string repository, std::string uuid, std::span<const char> bytes) override;
  Task<Result<void>> Truncate(std::string repository, std::string uuid, std::uint64_t size) override;
  Task<Result<std::uint64_t>> Commit(std::string repository, std::string uuid, Digest digest,
                                     std::function<Task<Result<void>>(std::uint64_t size)> commit) override;
  Task<Result<void>> Put(Digest digest, std::string bytes) override;
  Task<Result<void>> Remove(Digest digest) override;

 private:
  friend class BlobStore;
  Result<void> Prepare();
  std::filesystem::path BlobPath(const Digest& digest) const;
  std::filesystem::path UploadFolder(std::string_view repository, std::string_view uuid) const;
  std::filesystem::path UploadPath(std::string_view repository, std::string_view uuid) const;
  Result<void> CheckRoom();
  // Opens the upload's file where memory holds no state of it; `turn` has the complete state afterwards.
  Result<void> Know(Uploads::Turn& turn, const std::filesystem::path& path);
  Result<std::uint64_t> Settle(Uploads::Turn& turn, const std::filesystem::path& upload, const Digest& digest);
  Result<void> MoveInto(const std::filesystem::path& from, const Digest& digest);
  void RemoveUpload(const std::filesystem::path& folder);

  const std::filesystem::path root_, tree_, temporary_;
  asio::thread_pool& pool_;
  const std::uint64_t reserve_bytes_;
  std::atomic<std::int64_t> room_checked_{0};  // steady ms of the last look at the volume
  std::atomic<bool> room_{true};
  Uploads uploads_;
  DigestLocks locks_;
};

}  // namespace portcall::store
