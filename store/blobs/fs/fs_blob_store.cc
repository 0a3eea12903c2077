#include "store/blobs/fs/fs_blob_store.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "runtime/failpoint.h"
#include "runtime/loops.h"
#include "runtime/time.h"
#include "store/blobs/fs/filesystem.h"
#include "store/blobs/fs/upload_walk.h"

namespace portcall::store {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kWritebackStep = 8 << 20;

// With the repository in the key, no other repository can reach the upload.
std::string KeyOf(const std::string& repository, const std::string& uuid) { return repository + "/" + uuid; }

// Ours has two files; docker-registry's a folder more.
Result<void> RemoveUpload(const fs::path& folder) {
  ::unlink((folder / "data").c_str());
  ::unlink((folder / "startedat").c_str());
  if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return {};
  std::error_code ec(errno, std::generic_category());
  if (ec == std::errc::directory_not_empty || ec == std::errc::file_exists) fs::remove_all(folder, ec);
  if (ec) return runtime::FileError(ec.value(), "removing", folder);
  return {};
}

Error Busy() { return Error(Errc::kConflict, "another request is writing to this upload"); }

}  // namespace

FsBlobStore::FsBlobStore(const fs::path& root, asio::thread_pool& pool, DigestLocks& locks, std::uint64_t reserve_bytes)
    : layout_(root), pool_(pool), locks_(locks), reserve_bytes_(reserve_bytes) {}

Result<std::unique_ptr<BlobStore>> OpenFilesystem(fs::path root, asio::thread_pool& pool, DigestLocks& locks,
                                                  std::uint64_t reserve_bytes) {
  auto store = std::make_unique<FsBlobStore>(fs::absolute(root), pool, locks, reserve_bytes);
  if (Result<void> ready = store->Prepare(); !ready) return ready.error();
  return std::unique_ptr<BlobStore>(std::move(store));
}

Result<void> FsBlobStore::Prepare() {
  for (const fs::path& folder : {layout_.blobs(), layout_.repositories(), layout_.temporary()}) {
    if (Result<void> made = runtime::MakeFolders(folder); !made) return Error(Errc::kUnavailable, made.error().detail);
  }
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(layout_.temporary(), ec)) {
    fs::remove(entry.path(), ec);
  }
  return {};
}

// Asks the volume at most four times a second; a push that slips through meets the disk's own answer.
Result<void> FsBlobStore::CheckRoom() {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count();
  if (reserve_bytes_ != 0 && now >= next_room_check_.load()) {
    next_room_check_ = now + 250;
    struct statvfs volume{};
    if (::statvfs(layout_.root().c_str(), &volume) == 0) room_ = volume.f_bavail * volume.f_frsize >= reserve_bytes_;
  }
  if (room_) return {};
  return Error(Errc::kNoSpace, "less than storage.reserve is free on the volume of " + layout_.root().string());
}

Task<Result<BlobContent>> FsBlobStore::Read(Digest digest) {
  const fs::path path = layout_.Blob(digest);
  auto open = [&path]() -> Result<BlobContent> {
    Result<runtime::Fd> fd = runtime::OpenFile(path, O_RDONLY);
    if (!fd) return std::move(fd).error();
    const Result<std::uint64_t> size = SizeOfFile(*fd, path);
    if (!size) return size.error();
    auto keep = std::make_shared<const runtime::Fd>(*std::move(fd));
    const int raw = keep->get();
    return BlobContent(BlobFile{std::move(keep), raw, *size});
  };
  co_return co_await runtime::RunOn(pool_, open);
}

Task<Result<void>> FsBlobStore::StartUpload(std::string repository, std::string uuid) {
  const fs::path folder = layout_.Upload(repository, uuid);
  auto start = [this, &folder, &repository, &uuid]() -> Result<void> {
    if (Result<void> room = CheckRoom(); !room) return room;
    std::error_code ec;
    fs::create_directories(folder, ec);
    if (ec) return runtime::FileError(ec.value(), "making", folder);
    Result<runtime::Fd> data = runtime::OpenFile(folder / "data", O_RDWR | O_CREAT | O_EXCL);
    if (!data) return data.error();
    // Distribution's purge of old uploads reads this file; an unsynced one costs at most a purge.
    const Result<runtime::Fd> started = runtime::OpenFile(folder / "startedat", O_WRONLY | O_CREAT | O_TRUNC);
    if (!started) return started.error();
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::string text = runtime::Rfc3339Nano(std::chrono::nanoseconds(now.time_since_epoch()).count());
    if (Result<void> written = WriteAt(*started, text, 0, folder / "startedat"); !written) return written;
    if (std::optional<Uploads::Turn> turn = uploads_.Take(KeyOf(repository, uuid))) {
      turn->state = std::make_unique<Upload>(*std::move(data), 0);
    }
    return {};
  };
  co_return co_await runtime::RunOn(pool_, start);
}

Result<void> FsBlobStore::Know(Uploads::Turn& turn, const fs::path& path) {
  if (turn.state != nullptr) return {};
  Result<runtime::Fd> file = runtime::OpenFile(path, O_RDWR);
  if (!file) return std::move(file).error();
  const Result<std::uint64_t> size = SizeOfFile(*file, path);
  if (!size) return size.error();
  turn.state = std::make_unique<Upload>(*std::move(file), *size);
  return {};
}

Task<Result<std::uint64_t>> FsBlobStore::UploadSize(std::string repository, std::string uuid) {
  std::optional<Uploads::Turn> turn = uploads_.Take(KeyOf(repository, uuid));
  if (!turn) co_return Busy();
  if (turn->state != nullptr) co_return turn->state->size;
  const fs::path path = layout_.Upload(repository, uuid) / "data";
  auto know = [this, &turn, &path] { return Know(*turn, path); };
  if (Result<void> known = co_await runtime::RunOn(pool_, know); !known) co_return known.error();
  co_return turn->state->size;
}

Task<Result<void>> FsBlobStore::DropUpload(std::string repository, std::string uuid) {
  std::optional<Uploads::Turn> turn = uploads_.Take(KeyOf(repository, uuid));
  if (!turn) co_return Busy();
  const fs::path folder = layout_.Upload(repository, uuid);
  auto drop = [&turn, &folder] {
    turn->state.reset();
    return RemoveUpload(folder);
  };
  co_return co_await runtime::RunOn(pool_, drop);
}

std::unique_ptr<UploadWalk> FsBlobStore::WalkUploads() {
  return std::make_unique<FsUploadWalk>(layout_.repositories(), pool_);
}

Task<Result<std::uint64_t>> FsBlobStore::Append(std::string repository, std::string uuid, std::span<const char> bytes) {
  std::optional<Uploads::Turn> turn = uploads_.Take(KeyOf(repository, uuid));
  if (!turn) co_return Busy();
  const fs::path path = layout_.Upload(repository, uuid) / "data";
  auto append = [this, &turn, &path, bytes]() -> Result<std::uint64_t> {
    if (Result<void> room = CheckRoom(); !room) return room.error();
    if (Result<void> known = Know(*turn, path); !known) return known.error();
    Upload& upload = *turn->state;
    if (Result<void> written = WriteAt(upload.file, std::string_view(bytes.data(), bytes.size()), upload.size, path);
        !written) {
      [[maybe_unused]] const int cut = ::ftruncate(upload.file.get(), static_cast<off_t>(upload.size));
      return written.error();
    }
    if (upload.hash) upload.hash->Update({bytes.data(), bytes.size()});
    upload.size += bytes.size();
    if (upload.size - upload.synced_up_to >= kWritebackStep) {
      // The disk works while the client sends, so that the commit's fsync finds little left.
      ::sync_file_range(upload.file.get(), static_cast<off_t>(upload.synced_up_to),
                        static_cast<off_t>(upload.size - upload.synced_up_to), SYNC_FILE_RANGE_WRITE);
      upload.synced_up_to = upload.size;
    }
    return upload.size;
  };
  co_return co_await runtime::RunOn(pool_, append);
}

Task<Result<void>> FsBlobStore::Truncate(std::string repository, std::string uuid, std::uint64_t size) {
  std::optional<Uploads::Turn> turn = uploads_.Take(KeyOf(repository, uuid));
  if (!turn) co_return Busy();
  const fs::path path = layout_.Upload(repository, uuid) / "data";
  auto truncate = [this, &turn, &path, size]() -> Result<void> {
    if (Result<void> known = Know(*turn, path); !known) return known;
    Upload& upload = *turn->state;
    if (size >= upload.size) return {};
    if (::ftruncate(upload.file.get(), static_cast<off_t>(size)) != 0)
      return runtime::FileError(errno, "truncating", path);
    upload.size = size;
    upload.hash.reset();
    if (size == 0) upload.hash.emplace("sha256");
    upload.synced_up_to = std::min(upload.synced_up_to, size);
    return {};
  };
  co_return co_await runtime::RunOn(pool_, truncate);
}

// Leaves the upload's bytes verified and on disk.
Result<std::uint64_t> FsBlobStore::Settle(Uploads::Turn& turn, const fs::path& upload, const Digest& digest) {
  if (Result<void> known = Know(turn, upload); !known) return known.error();
  Upload& state = *turn.state;
  std::string hex;
  if (state.hash && digest.algorithm() == "sha256") {
    hex = state.hash->HexDigest();
    state.hash.reset();
  } else {
    runtime::Hasher hasher(digest.algorithm());
    auto feed = [&hasher](std::string_view piece) { hasher.Update(piece); };
    if (Result<void> read = runtime::ReadThrough(state.file, upload, feed); !read) return read.error();
    hex = hasher.HexDigest();
  }
  if (hex != digest.hex()) {
    return Error(Errc::kInvalid,
                 "the content's digest is " + std::string(digest.algorithm()) + ":" + hex + ", not " + digest.text());
  }
  if (Result<void> synced = SyncFile(state.file, upload); !synced) return synced.error();
  return state.size;
}

Result<void> FsBlobStore::MoveInto(const fs::path& from, const Digest& digest) {
  const fs::path path = layout_.Blob(digest);
  if (Result<void> made = runtime::MakeFolders(path.parent_path()); !made) return made;
  runtime::Failpoint("before-rename");
  if (::rename(from.c_str(), path.c_str()) != 0) return runtime::FileError(errno, "moving into place", path);
  runtime::Failpoint("after-rename");
  return runtime::SyncFolder(path.parent_path());
}

Task<Result<std::uint64_t>> FsBlobStore::Commit(std::string repository, std::string uuid, Digest digest,
                                                std::function<Task<Result<void>>(std::uint64_t size)> commit) {
  std::optional<Uploads::Turn> turn = uploads_.Take(KeyOf(repository, uuid));
  if (!turn) co_return Busy();
  const DigestLocks::Held held = co_await locks_.Acquire(digest.text());
  const fs::path folder = layout_.Upload(repository, uuid);
  auto settle = [this, &turn, &folder, &digest]() -> Result<std::uint64_t> {
    if (Result<void> room = CheckRoom(); !room) return room.error();  // it is kept for a retry
    Result<std::uint64_t> size = Settle(*turn, folder / "data", digest);
    // An upload that failed its digest or fsync, for lack of room too, cannot be trusted any more: another fsync may
    // say that all is well.
    const bool keep = !size && size.error().code == Errc::kNotFound;
    if (!keep) turn->state.reset();
    if (size) {
      if (Result<void> moved = MoveInto(folder / "data", digest); !moved) return moved.error();
    }
    if (!keep) (void)RemoveUpload(folder);  // what stays is left to purging
    return size;
  };
  Result<std::uint64_t> size = co_await runtime::RunOn(pool_, settle);
  if (!size) co_return size;
  Result<void> committed = co_await commit(*size);
  if (!committed) co_return committed.error();
  co_return size;
}

Task<Result<void>> FsBlobStore::Put(Digest digest, std::string bytes) {
  const DigestLocks::Held held = co_await locks_.Acquire(digest.text());
  auto put = [this, &digest, &bytes]() -> Result<void> {
    if (Result<void> room = CheckRoom(); !room) return room;
    const fs::path temporary = layout_.temporary() / runtime::UuidV4();
    const Result<runtime::Fd> file = runtime::OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (!file) return file.error();
    Result<void> done = WriteAt(*file, bytes, 0, temporary);
    if (done) done = SyncFile(*file, temporary);
    if (done) done = MoveInto(temporary, digest);
    if (!done) ::unlink(temporary.c_str());
    return done;
  };
  co_return co_await runtime::RunOn(pool_, put);
}

Task<Result<void>> FsBlobStore::Remove(Digest digest) {
  const DigestLocks::Held held = co_await locks_.Acquire(digest.text());
  const fs::path path = layout_.Blob(digest);
  auto remove = [&path]() -> Result<void> {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return runtime::FileError(errno, "removing", path);
    ::rmdir(path.parent_path().c_str());
    return {};
  };
  co_return co_await runtime::RunOn(pool_, remove);
}

}  // namespace portcall::store
