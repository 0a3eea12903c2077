#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "store/blobs/blob_store.h"
#include "store/blobs/fs/filesystem.h"
#include "store/blobs/fs/layout.h"
#include "store/blobs/fs/uploads.h"
#include "store/digest_locks.h"

namespace portcall::store {

// BlobStore over a folder of a local or network file system. Order of a commit: the file's bytes on disk, the rename,
// the folder on disk, then the rows.
class FsBlobStore final : public BlobStore {
 public:
  FsBlobStore(const std::filesystem::path& root, FilesystemLanes lanes, DigestLocks& locks,
              const FilesystemLimits& limits);
  Result<void> Prepare();  // once, before everything else

  Task<Result<BlobContent>> Read(Digest digest) override;
  Task<Result<void>> StartUpload(std::string repository, std::string uuid) override;
  Task<Result<std::uint64_t>> UploadSize(std::string repository, std::string uuid) override;
  Task<Result<void>> DropUpload(std::string repository, std::string uuid) override;
  std::unique_ptr<UploadWalk> WalkUploads() override;
  Task<Result<std::uint64_t>> Append(std::string repository, std::string uuid, std::span<const char> bytes) override;
  void Expect(const std::string& repository, const std::string& uuid, std::string_view algorithm) override;
  Task<Result<void>> Truncate(std::string repository, std::string uuid, std::uint64_t size) override;
  Task<Result<std::uint64_t>> Commit(std::string repository, std::string uuid, Digest digest,
                                     std::function<Task<Result<void>>(std::uint64_t size)> commit,
                                     std::stop_token gone) override;
  Task<Result<void>> Put(Digest digest, std::string bytes) override;
  Task<Result<void>> Remove(Digest digest) override;
  void Stop(std::chrono::steady_clock::time_point until) override { stops_at_ = until; }

 private:
  Result<void> CheckRoom();
  // Where descriptors have run out, idle uploads give theirs.
  Result<runtime::Fd> Open(const std::filesystem::path& path, int flags);
  // Opens the upload's file where it is not open or another one has its name; `turn` has the complete state afterwards,
  // without a hash where the file is not as it was left.
  Result<void> Know(Uploads::Turn& turn, const std::filesystem::path& path);
  // Of all bytes of an upload that `turn` has the complete state of; kCancelled: see MayHash().
  Task<Result<std::string>> HashOf(Uploads::Turn& turn, const std::filesystem::path& path, std::string_view algorithm,
                                   const std::stop_token& gone);
  // Whether it is still wanted, else kCancelled; `begun`: some of the upload has been read.
  Result<void> MayHash(bool begun, const std::stop_token& gone) const;
  Result<void> MoveInto(const std::filesystem::path& from, const Digest& digest);

  const Layout layout_;
  const FilesystemLanes lanes_;
  DigestLocks& locks_;
  const std::uint64_t reserve_bytes_;
  std::atomic<std::int64_t> next_room_check_{INT64_MIN};  // steady ms; the first look is made at once
  std::atomic<bool> room_{true};
  std::atomic<std::chrono::steady_clock::time_point> stops_at_{std::chrono::steady_clock::time_point::max()};
  Uploads uploads_;
};

}  // namespace portcall::store
