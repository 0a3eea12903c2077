#include "registry/catalog/uploads.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "registry/recording/events.h"
#include "registry/recording/recorder.h"
#include "runtime/bytes.h"
#include "store/catalog.h"
#include "store/catalog_changes.h"

namespace portcall::registry {
namespace {

constexpr std::size_t kBuffer = 256 << 10;
constexpr std::size_t kSmallBuffer = runtime::MemoryBudget::kFree;  // where there is no room for more
constexpr std::size_t kPurgeSlice = 256;
constexpr std::size_t kNamedFailures = 20;  // of one pass

std::int64_t UnixNanos(runtime::WallTime time) { return time.time_since_epoch().count(); }

// Of an upload of our own making: nothing about it can be the client's fault.
Error Failed(const Error& error) {
  const bool blames = error.code == Errc::kNotFound || error.code == Errc::kInvalid;
  return blames ? Error(Errc::kInternal, error.detail) : error;
}

Error TakenOver() { return Error(Errc::kConflict, "another request has taken the upload over"); }

Error ChangedByOthers(const std::string& repository, const std::string& uuid) {
  return {Errc::kUnavailable,
          "the file of upload " + uuid + " of " + repository + " was changed by somebody else while its bytes came"};
}

struct Filled {
  std::size_t size = 0;
  bool end = false;
  std::optional<Error> error;
};

// Fills the whole buffer if there is enough, so that writes are few and large.
Task<Filled> Fill(runtime::ByteSource& source, std::span<char> buffer) {
  Filled filled;
  while (filled.size < buffer.size()) {
    const Result<std::size_t> read = co_await source.Read(buffer.subspan(filled.size));
    if (!read) filled.error = read.error();
    if (!read || *read == 0) {
      filled.end = true;
      break;
    }
    filled.size += *read;
  }
  co_return filled;
}

}  // namespace

Task<Result<void>> Uploads::CommitBlob(const OriginPtr& origin, const std::string& repository, const std::string& uuid,
                                       const Digest& digest, std::uint64_t size) {
  const bool noted = !recorder_.CancelNote(uuid);
  const store::UploadFinish finish{repository, digest.text(), static_cast<std::int64_t>(size),
                                   noted ? uuid : std::string(),
                                   Seal(BlobEvent(origin, repository, store::Action::kPush, digest.text(), size))};
  auto job = [&finish](store::Tx& tx) -> Result<void> {
    store::FinishUpload(tx, finish);
    return {};
  };
  co_return co_await deps_.store.Write(job);
}

Task<Result<void>> Uploads::Forget(const std::string& uuid) {
  if (recorder_.CancelNote(uuid)) co_return Result<void>();
  auto job = [&](store::Tx& tx) -> Result<void> {
    store::DeleteUpload(tx, uuid);
    return {};
  };
  co_return co_await deps_.store.Write(job, store::Priority::kSettlement);
}

Task<Result<void>> Uploads::Note(const store::UploadRow& row) {
  if (recorder_.Note(row)) co_return Result<void>();
  auto job = [&](store::Tx& tx) -> Result<void> {
    store::PutUpload(tx, row);
    return {};
  };
  co_return co_await deps_.store.Write(job);
}

Task<Result<StartedUpload>> Uploads::Start(const std::string& repository, std::string_view algorithm) {
  const store::UploadRow row{runtime::UuidV4(), repository, UnixNanos(deps_.clock.Now())};
  // The note first: a file without one would never be purged.
  const Result<void> noted = co_await Note(row);
  if (!noted) co_return noted.error();
  const Result<void> started = co_await deps_.blobs.StartUpload(repository, row.uuid);
  if (!started) {
    recorder_.CancelNote(row.uuid);
    co_return started.error();
  }
  Expect(repository, row.uuid, algorithm);
  co_return StartedUpload{row.uuid, row.started_at};
}

Task<Result<std::int64_t>> Uploads::StartedAt(const std::string& repository, const std::string& uuid) {
  using Row = std::optional<store::UploadRow>;
  Row noted = recorder_.FindNote(uuid);
  auto query = [&](store::Snapshot& s) -> Result<Row> { return store::FindUpload(s, uuid); };
  const Result<Row> row = noted ? Result<Row>(std::move(noted)) : co_await deps_.store.Read(query);
  if (!row) co_return row.error();
  if (!*row || (*row)->repository != repository) co_return Error(Errc::kNotFound, "no such upload");
  co_return (*row)->started_at;
}

Task<Result<OpenUpload>> Uploads::Open(const std::string& repository, const std::string& uuid, Access access,
                                       std::optional<BusyUploads::Stamp> as_of) {
  OpenUpload upload;
  if (access == Access::kWrite) {
    upload.hold = co_await busy_.Take(uuid, as_of);
    if (!upload.hold) co_return TakenOver();
  }
  const Result<std::uint64_t> size = co_await deps_.blobs.UploadSize(repository, uuid);
  if (!size) co_return size.error();
  upload.size = *size;
  co_return upload;
}

Task<Result<Received>> Uploads::Receive(const BusyUploads::Hold& hold, const std::string& repository,
                                        const std::string& uuid, std::uint64_t offset, runtime::ByteSource& source,
                                        bool keep_part) {
  store::BlobStore& blobs = deps_.blobs;
  Received received;
  received.size = offset;
  const std::uint64_t expected = source.length().value_or(kBuffer);
  if (expected == 0) co_return received;
  runtime::MemoryShare memory(deps_.memory);
  std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(kBuffer - 1, expected) + 1);
  if (size > kSmallBuffer && !memory.GrowIfAmple(size)) size = kSmallBuffer;
  const auto buffer = std::make_unique_for_overwrite<char[]>(size);
  while (true) {
    const Filled filled = co_await Fill(source, std::span(buffer.get(), size));
    if (filled.size > 0) {
      const BusyUploads::Change change(hold);
      if (!change) co_return TakenOver();
      auto appended = co_await blobs.Append(repository, uuid, std::span<const char>(buffer.get(), filled.size));
      if (appended && *appended != received.size + filled.size) {
        received.size = *appended;
        appended = ChangedByOthers(repository, uuid);
      }
      if (!appended) {
        // On a full disk they would be in the way until somebody purges them.
        if (received.size != offset) (void)co_await blobs.Truncate(repository, uuid, offset);
        co_return appended.error();
      }
      received.size += filled.size;
    }
    if (!filled.end) continue;
    received.source = filled.error;
    break;
  }
  if (received.source && !keep_part && received.size != offset) {
    const Result<void> cut = co_await Truncate(hold, repository, uuid, offset);
    if (!cut) co_return cut.error();
    received.size = offset;
  }
  co_return received;
}

Task<Result<void>> Uploads::Truncate(const BusyUploads::Hold& hold, const std::string& repository,
                                     const std::string& uuid, std::uint64_t size) {
  const BusyUploads::Change change(hold);
  if (!change) co_return TakenOver();
  co_return co_await deps_.blobs.Truncate(repository, uuid, size);
}

Task<Result<std::uint64_t>> Uploads::Finish(const BusyUploads::Hold& hold, const OriginPtr& origin,
                                            const std::string& repository, const std::string& uuid,
                                            const Digest& digest, std::stop_token gone) {
  const BusyUploads::Change change(hold);
  if (!change) co_return TakenOver();
  auto commit = [&](std::uint64_t size) { return CommitBlob(origin, repository, uuid, digest, size); };
  const Result<std::uint64_t> size = co_await deps_.blobs.Commit(repository, uuid, digest, commit, std::move(gone));
  if (!size && size.error().code == Errc::kInvalid) {
    const Result<void> forgotten = co_await Forget(uuid);
    // Only logged: the client must hear of its wrong digest, and purging deletes the row later.
    if (!forgotten) deps_.log.Warn("upload row left behind", {{"vars.uuid", uuid}});
  }
  co_return size;
}

Task<Result<void>> Uploads::Drop(const BusyUploads::Hold& hold, const std::string& repository,
                                 const std::string& uuid) {
  const BusyUploads::Change change(hold);
  if (!change) co_return TakenOver();
  const Result<void> dropped = co_await deps_.blobs.DropUpload(repository, uuid);
  if (!dropped) co_return dropped.error();
  co_return co_await Forget(uuid);
}

Task<Result<Received>> Uploads::Push(const OriginPtr& origin, const std::string& repository, const Digest& digest,
                                     runtime::ByteSource& source) {
  const Result<StartedUpload> upload = co_await Start(repository, digest.algorithm());
  if (!upload) co_return Failed(upload.error());
  const BusyUploads::Hold mine;
  Result<Received> received = co_await Receive(mine, repository, upload->uuid, 0, source, false);
  if (received && !received->source) {
    const Result<std::uint64_t> size = co_await Finish(mine, origin, repository, upload->uuid, digest, {});
    if (!size) co_return size.error();
    co_return received;
  }
  const Result<void> dropped = co_await Drop(mine, repository, upload->uuid);
  if (!dropped) deps_.log.Warn("upload left for purging", {{"vars.uuid", upload->uuid}});
  if (!received) co_return Failed(received.error());
  co_return received;
}

Task<> Uploads::PurgeOne(const std::string& repository, const std::string& uuid, Purged& purged) {
  const BusyUploads::Hold hold = busy_.TryTake(uuid);
  if (!hold) co_return;
  const Result<void> dropped = co_await Drop(hold, repository, uuid);
  if (dropped) {
    ++purged.deleted;
  } else if (++purged.failed <= kNamedFailures) {
    deps_.log.Warn("upload not purged",
                   {{"vars.name", repository}, {"vars.uuid", uuid}, {"err.detail", dropped.error().detail}});
  }
}

Task<Result<void>> Uploads::PurgeRows(std::int64_t before, bool dry_run, const std::stop_token& stopping,
                                      Purged& purged) {
  std::optional<store::UploadRow> last;
  auto list = [&](store::Snapshot& s) -> Result<std::vector<store::UploadRow>> {
    return store::UploadsStartedBefore(s, before, kPurgeSlice, last);
  };
  while (true) {
    const auto rows = co_await deps_.store.Read(list);
    if (!rows) co_return rows.error();
    purged.found += rows->size();
    for (const store::UploadRow& row : *rows) {
      if (stopping.stop_requested()) co_return Result<void>();
      if (!dry_run) co_await PurgeOne(row.repository, row.uuid, purged);
    }
    if (rows->size() < kPurgeSlice) co_return Result<void>();
    last = rows->back();
  }
}

Task<Result<void>> Uploads::PurgeRowless(std::int64_t before, bool dry_run, const std::stop_token& stopping,
                                         Purged& purged) {
  const std::unique_ptr<store::UploadWalk> walk = deps_.blobs.WalkUploads();
  while (!stopping.stop_requested()) {
    const auto found = co_await walk->Next();
    if (!found) co_return found.error();
    if (!*found) co_return Result<void>();
    const std::vector<store::FoundUpload>& uploads = **found;
    auto without_row = [&](store::Snapshot& s) -> Result<std::vector<store::FoundUpload>> {
      std::vector<store::FoundUpload> old;
      for (const store::FoundUpload& upload : uploads) {
        if (upload.started_at < before && !store::FindUpload(s, upload.uuid)) old.push_back(upload);
      }
      return old;
    };
    if (uploads.empty()) continue;
    const auto old = co_await deps_.store.Read(without_row);
    if (!old) co_return old.error();
    purged.found += old->size();
    for (const store::FoundUpload& upload : *old) {
      if (stopping.stop_requested()) co_return Result<void>();
      if (!dry_run) co_await PurgeOne(upload.repository, upload.uuid, purged);
    }
  }
  co_return Result<void>();
}

Task<Result<Purged>> Uploads::Purge(std::chrono::nanoseconds age, bool dry_run, std::stop_token stopping) {
  const std::int64_t before = UnixNanos(deps_.clock.Now() - age);
  Purged purged;
  const Result<void> rows = co_await PurgeRows(before, dry_run, stopping, purged);
  if (!rows) co_return rows.error();
  const Result<void> rowless = co_await PurgeRowless(before, dry_run, stopping, purged);
  if (!rowless) co_return rowless.error();
  co_return purged;
}

}  // namespace portcall::registry
