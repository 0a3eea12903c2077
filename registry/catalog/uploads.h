#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "registry/catalog/busy_uploads.h"
#include "registry/deps.h"
#include "registry/model/origin.h"
#include "registry/model/reference.h"
#include "runtime/byte_source.h"
#include "runtime/result.h"
#include "runtime/task.h"
#include "store/catalog.h"

namespace portcall::registry {

class Recorder;

struct StartedUpload {
  std::string uuid;
  std::int64_t started_at = 0;  // ns since 1970
};

// An upload that somebody looks at, or writes to, until somebody else opens it for writing.
struct OpenUpload {
  BusyUploads::Hold hold;  // empty when opened for reading
  std::uint64_t size = 0;  // bytes that are there
};

struct Received {
  std::uint64_t size = 0;       // of the upload, afterwards
  std::optional<Error> source;  // what ended the reading, other than the source's end
};

struct Purged {
  std::size_t found = 0;    // uploads that were old enough
  std::size_t deleted = 0;  // 0 in a dry run; one that somebody writes to stays
  std::size_t failed = 0;   // stay until another time; the first ones are logged
};

// Uploads of blobs, from their start to the blob. Callable from any loop. Who changes an upload has opened it for
// writing and passes the hold, an empty one if it has just started the upload and told nobody; kConflict: somebody has
// opened it since, and nothing was changed. All references must stay valid until the task has ended; other errors are
// the store's or the blob store's.
class Uploads {
 public:
  Uploads(const RegistryDeps& deps, Recorder& recorder) : deps_(deps), recorder_(recorder) {}

  // The upload's file is there afterwards, and purging will know of it. `algorithm` is that of the digest which is
  // likely at its end.
  Task<Result<StartedUpload>> Start(const std::string& repository, std::string_view algorithm);
  // Says it later, of an upload that has no byte yet. Another digest at the end costs time and nothing else.
  void Expect(const std::string& repository, const std::string& uuid, std::string_view algorithm) {
    deps_.blobs.Expect(repository, uuid, algorithm);
  }
  // When an upload of this repository was started; kNotFound when there is none.
  Task<Result<std::int64_t>> StartedAt(const std::string& repository, const std::string& uuid);
  enum class Access { kRead, kWrite };
  // kNotFound. For writing it is taken from whoever has it, once its change that is under way has ended; with a stamp
  // only if nothing has been done to it since, else kConflict. Whoever may be refused asks for the stamp first, then
  // looks, so that who is refused takes nothing from anybody.
  Task<Result<OpenUpload>> Open(const std::string& repository, const std::string& uuid, Access access,
                                std::optional<BusyUploads::Stamp> as_of = std::nullopt);
  Task<BusyUploads::Stamp> Settled(const std::string& uuid) { return busy_.Settled(uuid); }
  // Appends the source's bytes to an upload of `offset` bytes. Unless `keep_part`, a source that breaks off leaves
  // nothing behind. Fails when the blob store does, and leaves nothing behind either.
  Task<Result<Received>> Receive(const BusyUploads::Hold& hold, const std::string& repository, const std::string& uuid,
                                 std::uint64_t offset, runtime::ByteSource& source, bool keep_part);
  // Takes back what was received beyond `size` bytes.
  Task<Result<void>> Truncate(const BusyUploads::Hold& hold, const std::string& repository, const std::string& uuid,
                              std::uint64_t size);
  // Verifies the digest, makes the upload a blob of the repository, with its event, and returns the blob's size.
  // kInvalid: the content has another digest, and the upload is gone. kUnavailable, and the upload stays: `gone` said
  // that nobody waits for it any more, before the digest was known.
  Task<Result<std::uint64_t>> Finish(const BusyUploads::Hold& hold, const OriginPtr& origin,
                                     const std::string& repository, const std::string& uuid, const Digest& digest,
                                     std::stop_token gone);
  Task<Result<void>> Drop(const BusyUploads::Hold& hold, const std::string& repository, const std::string& uuid);

  // All of it at once: a blob from its bytes. `source` of the result says that they broke off; nothing is left then.
  // Fails as Finish does.
  Task<Result<Received>> Push(const OriginPtr& origin, const std::string& repository, const Digest& digest,
                              runtime::ByteSource& source);

  // Deletes uploads that were started more than `age` ago: those with a row, then those that lie in the blob store
  // without one, because of a crash or of another registry. A dry run only counts them. `stopping` ends it early.
  Task<Result<Purged>> Purge(std::chrono::nanoseconds age, bool dry_run, std::stop_token stopping);

 private:
  Task<Result<void>> CommitBlob(const OriginPtr& origin, const std::string& repository, const std::string& uuid,
                                const Digest& digest, std::uint64_t size);
  Task<Result<void>> Note(const store::UploadRow& row);
  Task<Result<void>> PurgeRows(std::int64_t before, bool dry_run, const std::stop_token& stopping, Purged& purged);
  Task<Result<void>> PurgeRowless(std::int64_t before, bool dry_run, const std::stop_token& stopping, Purged& purged);
  Task<> PurgeOne(const std::string& repository, const std::string& uuid, Purged& purged);
  Task<Result<void>> Forget(const std::string& uuid);

  const RegistryDeps& deps_;
  Recorder& recorder_;
  BusyUploads busy_;
};

}  // namespace portcall::registry
