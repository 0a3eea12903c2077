#include "store/blobs/fs/fs_blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>

#include "runtime/failpoint.h"
#include "runtime/loops.h"
#include "runtime/regular_file.h"
#include "runtime/time.h"
#include "store/blobs/fs/filesystem.h"
#include "store/blobs/fs/upload_walk.h"

namespace portcall::store {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kWritebackStep = 8 << 20;
// Of an upload that is read again: some milliseconds on a thread, and then another one has its turn.
constexpr std::size_t kHashedAtOnce = 1 << 20;

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

Error OtherDigest(const Digest& digest, const std::string& hex) {
  return {Errc::kInvalid,
          "the content's digest is " + std::string(digest.algorithm()) + ":" + hex + ", not " + digest.text()};
}

// Whether the file is under its name and as long as we left it: nobody else has had a hand in it.
bool IsAsLeft(const Upload& upload, const fs::path& path) {
  if (!runtime::IsNamed(upload.file, path)) return false;
  const Result<std::uint64_t> size = SizeOfFile(upload.file, path);
  return size && *size == upload.size;
}

// Without a descriptor, which may be scarce.
Result<std::uint64_t> SizeOfNamed(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return runtime::FileError(errno, "looking at", path);
  if (S_ISREG(status.st_mode)) return static_cast<std::uint64_t>(status.st_size);
  return runtime::NotAFile(path, status.st_mode);
}

Error Busy() { return Error(Errc::kConflict, "another request is writing to this upload"); }

}  // namespace

FsBlobStore::FsBlobStore(const fs::path& root, FilesystemLanes lanes, DigestLocks& locks,
                         const FilesystemLimits& limits)
    : layout_(root),
      lanes_(lanes),
      locks_(locks),
      reserve_bytes_(limits.reserve_bytes),
      uploads_(lanes.files, limits.open_uploads) {}

Result<std::unique_ptr<BlobStore>> OpenFilesystem(fs::path root, FilesystemLanes lanes, DigestLocks& locks,
                                                  const FilesystemLimits& limits) {
  auto store = std::make_unique<FsBlobStore>(fs::absolute(root), lanes, locks, limits);
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

Result<runtime::Fd> FsBlobStore::Open(const fs::path& path, int flags) {
  while (true) {
    runtime::Fd opened(::open(path.c_str(), flags | runtime::kOpenWithoutWaiting, 0644));
    if (opened) return runtime::OnlyFile(std::move(opened), path);
    const int error = errno;
    const bool scarce = error == EMFILE || error == ENFILE;
    if (!scarce || !uploads_.CloseOne()) return runtime::FileError(error, "opening", path);
  }
}

Task<Result<BlobContent>> FsBlobStore::Read(Digest digest) {
  const fs::path path = layout_.Blob(digest);
  auto open = [this, &path]() -> Result<BlobContent> {
    Result<runtime::Fd> fd = Open(path, O_RDONLY);
    if (!fd) return std::move(fd).error();
    const Result<std::uint64_t> size = SizeOfFile(*fd, path);
    if (!size) return size.error();
    auto keep = std::make_shared<const runtime::Fd>(*std::move(fd));
    const int raw = keep->get();
    return BlobContent(BlobFile{std::move(keep), raw, *size});
  };
  co_return co_await runtime::RunOn(lanes_.files, open);
}

Task<Result<void>> FsBlobStore::StartUpload(std::string repository, std::string uuid) {
  const fs::path folder = layout_.Upload(repository, uuid);
  auto start = [this, &folder, &repository, &uuid]() -> Result<void> {
    if (Result<void> room = CheckRoom(); !room) return room;
    std::error_code ec;
    fs::create_directories(folder, ec);
    if (ec) return runtime::FileError(ec.value(), "making", folder);
    Result<runtime::Fd> data = Open(folder / "data", O_RDWR | O_CREAT | O_EXCL);
    if (!data) return data.error();
    // Distribution's purge of old uploads reads this file; an unsynced one costs at most a purge.
    const Result<runtime::Fd> started = Open(folder / "startedat", O_WRONLY | O_CREAT | O_TRUNC);
    if (!started) return started.error();
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::string text = runtime::Rfc3339Nano(std::chrono::nanoseconds(now.time_since_epoch()).count());
    if (Result<void> written = WriteAt(*started, text, 0, folder / "startedat"); !written) return written;
    if (std::optional<Uploads::Turn> turn = uploads_.Take(KeyOf(repository, uuid))) {
      turn->state = std::make_unique<Upload>(*std::move(data), 0);
    }
    return {};
  };
  co_return co_await runtime::RunOn(lanes_.files, start);
}

Result<void> FsBlobStore::Know(Uploads::Turn& turn, const fs::path& path) {
  if (turn.state != nullptr && turn.state->file && IsAsLeft(*turn.state, path)) return {};
  Result<runtime::Fd> file = Open(path, O_RDWR);
  if (!file && file.error().code == Errc::kNotFound) turn.state.reset();
  if (!file) return std::move(file).error();
  const Result<std::uint64_t> size = SizeOfFile(*file, path);
  if (!size) return size.error();
  if (turn.state != nullptr && !turn.state->file && turn.state->size == *size) {
    turn.state->file = *std::move(file);
    return {};
  }
  turn.state = std::make_unique<Upload>(*std::move(file), *size);
  turn.Show();
  return {};
}

Task<Result<std::uint64_t>> FsBlobStore::UploadSize(std::string repository, std::string uuid) {
  const std::string key = KeyOf(repository, uuid);
  const std::optional<Uploads::Shown> shown = uploads_.Look(key);
  if (shown && shown->taken) co_return shown->size;
  const fs::path path = layout_.Upload(repository, uuid) / "data";
  auto look = [&]() -> Result<std::uint64_t> {
    Result<std::uint64_t> size = SizeOfNamed(path);
    // Who began to work on it meanwhile may have written the half of a piece.
    if (const auto now = uploads_.Look(key); now && (now->taken || now != shown)) return now->size;
    return size;
  };
  co_return co_await runtime::RunOn(lanes_.files, look);
}

Task<Result<void>> FsBlobStore::DropUpload(std::string repository, std::string uuid) {
  std::optional<Uploads::Turn> turn = uploads_.Take(KeyOf(repository, uuid));
  if (!turn) co_return Busy();
  const fs::path folder = layout_.Upload(repository, uuid);
  auto drop = [&turn, &folder] {
    turn->state.reset();
    return RemoveUpload(folder);
  };
  co_return co_await runtime::RunOn(lanes_.files, drop);
}

std::unique_ptr<UploadWalk> FsBlobStore::WalkUploads() {
  return std::make_unique<FsUploadWalk>(layout_.repositories(), lanes_.files);
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
    turn->Show();
    if (upload.size - upload.synced_up_to >= kWritebackStep) {
      // The disk works while the client sends, so that the commit's fsync finds little left.
      ::sync_file_range(upload.file.get(), static_cast<off_t>(upload.synced_up_to),
                        static_cast<off_t>(upload.size - upload.synced_up_to), SYNC_FILE_RANGE_WRITE);
      upload.synced_up_to = upload.size;
    }
    return upload.size;
  };
  co_return co_await runtime::RunOn(lanes_.files, append);
}

void FsBlobStore::Expect(const std::string& repository, const std::string& uuid, std::string_view algorithm) {
  std::optional<Uploads::Turn> turn = uploads_.Take(KeyOf(repository, uuid));
  if (!turn || turn->state == nullptr || turn->state->size != 0 || turn->state->algorithm == algorithm) return;
  turn->state->algorithm = algorithm;
  turn->state->HashAnew();
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
    turn->Show();
    upload.HashAnew();
    upload.synced_up_to = std::min(upload.synced_up_to, size);
    return {};
  };
  co_return co_await runtime::RunOn(lanes_.files, truncate);
}

Result<void> FsBlobStore::MayHash(bool begun, const std::stop_token& gone) const {
  if (gone.stop_requested())
    return Error(Errc::kCancelled, "the client has gone; the upload was not hashed to its end");
  const auto stops_at = stops_at_.load();
  const bool stopping = stops_at != std::chrono::steady_clock::time_point::max();
  if (!stopping || (begun && std::chrono::steady_clock::now() < stops_at)) return {};
  return Error(Errc::kCancelled, "stopping; the upload was not hashed to its end");
}

// What waits for a thread is asked there whether it is still wanted, so that who has gone costs the others nothing.
Task<Result<std::string>> FsBlobStore::HashOf(Uploads::Turn& turn, const fs::path& path, std::string_view algorithm,
                                              const std::stop_token& gone) {
  Upload& upload = *turn.state;
  if (upload.hash && upload.algorithm == algorithm) {
    std::string hex = upload.hash->HexDigest();
    upload.hash.reset();
    co_return hex;
  }
  runtime::Hasher hasher(algorithm);
  std::uint64_t offset = 0;
  auto piece = [&]() -> Result<std::size_t> {
    if (Result<void> may = MayHash(offset > 0, gone); !may) return may.error();
    // Only who has a thread has a buffer.
    const auto buffer = std::make_unique_for_overwrite<char[]>(kHashedAtOnce);
    Result<std::size_t> n = runtime::ReadAt(upload.file, std::span(buffer.get(), kHashedAtOnce), offset, path);
    if (n) hasher.Update({buffer.get(), *n});
    return n;
  };
  while (true) {
    const Result<std::size_t> n = co_await runtime::RunOn(lanes_.hashing, piece);
    if (!n) co_return n.error();
    if (*n == 0) co_return hasher.HexDigest();
    offset += *n;
  }
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
                                                std::function<Task<Result<void>>(std::uint64_t size)> commit,
                                                std::stop_token gone) {
  std::optional<Uploads::Turn> turn = uploads_.Take(KeyOf(repository, uuid));
  if (!turn) co_return Busy();
  const fs::path folder = layout_.Upload(repository, uuid);
  const fs::path data = folder / "data";
  auto know = [&]() -> Result<void> {
    if (Result<void> room = CheckRoom(); !room) return room;
    return Know(*turn, data);
  };
  if (Result<void> known = co_await runtime::RunOn(lanes_.files, know); !known) co_return known.error();  // for a retry
  const Result<std::string> hex = co_await HashOf(*turn, data, digest.algorithm(), gone);
  if (!hex && hex.error().code == Errc::kCancelled) co_return Error(Errc::kUnavailable, hex.error().detail);
  // Only now: what is hashed for minutes must not hold up who brings the same content hashed.
  const DigestLocks::Held held = co_await locks_.Acquire(digest.text());
  auto settle = [&]() -> Result<std::uint64_t> {
    Result<std::uint64_t> size = turn->state->size;
    if (!hex) size = hex.error();
    if (hex && *hex != digest.hex()) size = OtherDigest(digest, *hex);
    if (size) {
      if (Result<void> synced = SyncFile(turn->state->file, data); !synced) size = synced.error();
    }
    if (size && !IsAsLeft(*turn->state, data)) {
      turn->state.reset();  // and who comes again has it read again
      return Error(Errc::kUnavailable, data.string() + " was changed by somebody else while it was hashed");
    }
    // An upload that failed its digest or fsync, for lack of room too, cannot be trusted any more: another fsync may
    // say that all is well.
    turn->state.reset();
    if (size) {
      if (Result<void> moved = MoveInto(data, digest); !moved) return moved.error();
    }
    (void)RemoveUpload(folder);  // what stays is left to purging
    return size;
  };
  Result<std::uint64_t> size = co_await runtime::RunOn(lanes_.files, settle);
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
    const Result<runtime::Fd> file = Open(temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (!file) return file.error();
    Result<void> done = WriteAt(*file, bytes, 0, temporary);
    if (done) done = SyncFile(*file, temporary);
    if (done) done = MoveInto(temporary, digest);
    if (!done) ::unlink(temporary.c_str());
    return done;
  };
  co_return co_await runtime::RunOn(lanes_.files, put);
}

Task<Result<void>> FsBlobStore::Remove(Digest digest) {
  const DigestLocks::Held held = co_await locks_.Acquire(digest.text());
  const fs::path path = layout_.Blob(digest);
  auto remove = [&path]() -> Result<void> {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return runtime::FileError(errno, "removing", path);
    ::rmdir(path.parent_path().c_str());
    return {};
  };
  co_return co_await runtime::RunOn(lanes_.files, remove);
}

}  // namespace portcall::store
