#include "registry/catalog/upload_service.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "registry/recording/events.h"
#include "registry/recording/upload_notes.h"
#include "registry/request/reference.h"
#include "runtime/bytes.h"
#include "store/catalog.h"
#include "store/catalog_changes.h"

namespace portcall::registry {
namespace {

constexpr std::size_t kBuffer = 256 << 10;

std::int64_t UnixNanos(runtime::WallTime time) { return time.time_since_epoch().count(); }

struct Filled {
  std::size_t size = 0;
  bool end = false;
  std::optional<Error> error;
};

// Fills the whole buffer if the body is long enough, so that writes are few and large.
Task<Filled> Fill(http::Body& body, std::span<char> buffer) {
  Filled filled;
  while (filled.size < buffer.size()) {
    const Result<std::size_t> read = co_await body.Read(buffer.subspan(filled.size));
    if (!read) filled.error = read.error();
    if (!read || *read == 0) {
      filled.end = true;
      break;
    }
    filled.size += *read;
  }
  co_return filled;
}

Task<Result<void>> CommitBlob(Call& call, const std::string& uuid, const store::Digest& digest, std::uint64_t size) {
  const bool noted = !call.core.uploads.Cancel(uuid);
  const store::UploadFinish finish{call.route.name, digest.text(), static_cast<std::int64_t>(size),
                                   noted ? uuid : std::string(),
                                   Seal(BlobEvent(call, store::Action::kPush, digest.text(), size))};
  auto job = [&finish](store::Tx& tx) -> Result<void> {
    store::FinishUpload(tx, finish);
    return {};
  };
  co_return co_await call.core.deps.store.Write(job);
}

Task<Result<void>> ForgetUpload(const Core& core, const std::string& uuid) {
  if (core.uploads.Cancel(uuid)) co_return Result<void>();
  auto job = [&](store::Tx& tx) -> Result<void> {
    store::DeleteUpload(tx, uuid);
    return {};
  };
  co_return co_await core.deps.store.Write(job, store::Priority::kSettlement);
}

Task<Result<void>> NoteUpload(const Core& core, const store::UploadRow& row) {
  if (core.uploads.Add(row)) co_return Result<void>();
  auto job = [&](store::Tx& tx) -> Result<void> {
    store::PutUpload(tx, row);
    return {};
  };
  co_return co_await core.deps.store.Write(job);
}

// The catalog may link a blob whose file was removed by hand: then the client has to push it again.
Task<Result<bool>> HasFile(const Core& core, const store::Digest& digest) {
  const Result<store::BlobContent> file = co_await core.deps.blobs.Read(digest);
  if (file) co_return true;
  if (file.error().code == Errc::kNotFound) co_return false;
  co_return file.error();
}

}  // namespace

Task<Result<std::string>> StartUpload(Call& call) {
  const RegistryDeps& deps = call.core.deps;
  const store::UploadRow row{runtime::UuidV4(), call.route.name, UnixNanos(deps.clock.Now())};
  // The note first: a file without one would never be purged.
  const Result<void> noted = co_await NoteUpload(call.core, row);
  if (!noted) co_return noted.error();
  const Result<void> started = co_await deps.blobs.StartUpload(call.route.name, row.uuid);
  if (started) co_return row.uuid;
  call.core.uploads.Cancel(row.uuid);
  co_return started.error();
}

Task<Result<Received>> ReceiveBody(Call& call, const std::string& uuid, std::uint64_t offset, bool keep_part) {
  http::Body& body = *call.request.body;
  store::BlobStore& blobs = call.core.deps.blobs;
  Received received;
  received.size = offset;
  const std::uint64_t expected = body.length().value_or(kBuffer);
  if (expected == 0) co_return received;
  const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(kBuffer - 1, expected) + 1);
  const auto buffer = std::make_unique_for_overwrite<char[]>(size);
  while (true) {
    const Filled filled = co_await Fill(body, std::span(buffer.get(), size));
    if (filled.size > 0) {
      const auto appended =
          co_await blobs.Append(call.route.name, uuid, std::span<const char>(buffer.get(), filled.size));
      if (!appended) co_return appended.error();
      received.size += filled.size;
    }
    if (!filled.end) continue;
    received.body = filled.error;
    break;
  }
  if (received.body && !keep_part && received.size != offset) {
    const Result<void> cut = co_await blobs.Truncate(call.route.name, uuid, offset);
    if (!cut) co_return cut.error();
    received.size = offset;
  }
  co_return received;
}

Task<Result<std::uint64_t>> FinishUpload(Call& call, const std::string& uuid, const store::Digest& digest) {
  const RegistryDeps& deps = call.core.deps;
  auto commit = [&](std::uint64_t size) { return CommitBlob(call, uuid, digest, size); };
  const Result<std::uint64_t> size = co_await deps.blobs.Commit(call.route.name, uuid, digest, commit);
  if (!size && size.error().code == Errc::kInvalid) {
    const Result<void> forgotten = co_await ForgetUpload(call.core, uuid);
    // Only logged: the client must hear of its wrong digest, and purging deletes the row later.
    if (!forgotten) deps.log.Warn("upload row left behind", {{"vars.uuid", uuid}});
  }
  co_return size;
}

Task<Result<void>> DropUpload(const Core& core, const std::string& repository, const std::string& uuid) {
  const Result<void> dropped = co_await core.deps.blobs.DropUpload(repository, uuid);
  if (!dropped) co_return dropped.error();
  co_return co_await ForgetUpload(core, uuid);
}

Task<Result<bool>> MountBlob(Call& call, const store::Digest& digest, const std::string& from) {
  if (!from.empty() && (!IsRepositoryName(from) || from.size() > kMaxNameLength)) co_return false;
  const Result<bool> there = co_await HasFile(call.core, digest);
  if (!there || !*there) co_return there;
  const store::BlobMount mount{call.route.name, digest.text(), from,
                               Seal(BlobEvent(call, store::Action::kMount, digest.text(), 0, from))};
  auto job = [&mount](store::Tx& tx) -> Result<bool> { return store::MountBlob(tx, mount); };
  co_return co_await call.core.deps.store.Write(job);
}

}  // namespace portcall::registry
