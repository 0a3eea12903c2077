#include <optional>
#include <string>
#include <utility>

#include "registry/http/handlers.h"
#include "registry/http/ranges.h"
#include "registry/http/replies.h"
#include "registry/http/upload_state.h"
#include "runtime/bytes.h"
#include "runtime/http/url.h"
#include "runtime/time.h"

namespace portcall::registry {
namespace {

// The upload that a request names, held while the request writes to it.
struct Held {
  OpenUpload open;
  std::string uuid, started_at;
  std::optional<std::uint64_t> claimed = {};  // the offset that the client's state names
};

// Adds what the client needs to go on: Location, Range and id.
void AddUploadFields(const Call& call, const Held& upload, Reply& response) {
  const UploadState state(call.route.name, upload.uuid, upload.open.size, upload.started_at);
  const std::string token = SealUploadState(call.settings.secret, state);
  response.fields.Add("Location", call.MakeUrls().Upload(call.route.name, upload.uuid, token));
  response.fields.Add("Range", "0-" + std::to_string(upload.open.size == 0 ? 0 : upload.open.size - 1));
  response.fields.Add("Docker-Upload-Uuid", upload.uuid);
}

Reply Progress(const Call& call, const Held& upload, int status) {
  Reply response = Empty(status);
  AddUploadFields(call, upload, response);
  return response;
}

Reply OutOfRange(const Call& call, const Held& upload, std::string_view why) {
  Reply response = Fail(Code::kRangeInvalid, Quote(why));
  AddUploadFields(call, upload, response);
  return response;
}

Reply Created(const Call& call, const Digest& digest) {
  Reply response = Empty(201);
  response.fields.Add("Location", call.MakeUrls().Blob(call.route.name, digest.text()));
  response.fields.Add("Docker-Content-Digest", digest.text());
  return response;
}

// The digest that a query names, or the refusal.
std::optional<Digest> QueryDigest(std::string_view query, std::string_view name, Reply& refusal) {
  std::string text;
  if (!http::QueryValue(query, name, text) || text.empty()) {
    refusal = Fail(Code::kDigestInvalid, Quote("digest missing"));
    return std::nullopt;
  }
  auto digest = Digest::Parse(text);
  if (!digest) refusal = Fail(Code::kDigestInvalid, Quote("digest parsing failed"));
  return digest;
}

// What the client says it will name at the end (distribution-spec, `digest-algorithm`); one that is not known counts as
// not said.
std::string_view AnnouncedAlgorithm(std::string_view query) {
  std::string named;
  http::QueryValue(query, "digest-algorithm", named);
  return named == "sha512" ? "sha512" : "sha256";
}

Reply NotFinished(const Error& error, const Digest& digest) {
  if (error.code == Errc::kInvalid) {
    return Fail(Code::kDigestInvalid,
                QuoteObject({{"Digest", digest.text()}, {"Reason", "the uploaded content has another digest"}}));
  }
  return error.code == Errc::kNotFound ? Fail(Code::kBlobUploadUnknown) : FailWith(error);
}

Task<Reply> Finish(Call& call, Held& upload, const Digest& digest) {
  const Result<std::uint64_t> size = co_await call.catalog.uploads().Finish(
      upload.open.hold, call.origin(), call.route.name, upload.uuid, digest, call.request.Gone());
  co_return size ? Created(call, digest) : NotFinished(size.error(), digest);
}

// The whole blob in one request.
Task<Reply> PostWhole(Call& call, const Digest& digest) {
  const Result<Received> received =
      co_await call.catalog.uploads().Push(call.origin(), call.route.name, digest, *call.request.body);
  if (!received) co_return NotFinished(received.error(), digest);
  co_return received->source ? FailBody(*received->source) : Created(call, digest);
}

// For a client that sent no state. A refusal when the upload is not this repository's.
Task<std::optional<Reply>> FindStart(Call& call, Held& upload) {
  const Result<std::int64_t> started = co_await call.catalog.uploads().StartedAt(call.route.name, upload.uuid);
  if (!started && started.error().code == Errc::kNotFound) co_return Fail(Code::kBlobUploadUnknown);
  if (!started) co_return FailWith(started.error());
  upload.started_at = runtime::Rfc3339Nano(*started);
  co_return std::nullopt;
}

Task<std::optional<Reply>> Open(Call& call, Held& upload, Uploads::Access access,
                                std::optional<BusyUploads::Stamp> as_of) {
  Result<OpenUpload> open = co_await call.catalog.uploads().Open(call.route.name, upload.uuid, access, as_of);
  if (!open && open.error().code == Errc::kNotFound) co_return Fail(Code::kBlobUploadUnknown);
  if (!open) co_return FailWith(open.error());
  upload.open = std::move(*open);
  co_return std::nullopt;
}

// Finds the upload that the path names, and holds it if the request deletes it; a refusal otherwise. A client may leave
// the state out and goes on at the file's end; a state that it does send must be sealed by us.
Task<std::optional<Reply>> Find(Call& call, Held& upload) {
  upload.uuid = call.route.reference;
  if (!runtime::IsUuid(upload.uuid)) co_return Fail(Code::kBlobUploadInvalid);
  std::string token;
  if (http::QueryValue(call.request.query(), "_state", token)) {
    auto state = OpenUploadState(call.settings.secret, token);
    if (!state || state->uuid != upload.uuid || state->name != call.route.name) {
      co_return Fail(Code::kBlobUploadInvalid);
    }
    upload.claimed = state->offset;
    upload.started_at = std::move(state->started_at);
  } else if (auto refusal = co_await FindStart(call, upload)) {
    co_return std::move(refusal);
  }
  const bool takes = call.request.method == "DELETE";
  co_return co_await Open(call, upload, takes ? Uploads::Access::kWrite : Uploads::Access::kRead, std::nullopt);
}

// A refusal when the client would write at the wrong place. `range` is set to what its Content-Range says.
std::optional<Reply> CheckPlace(const Call& call, const Held& upload, std::optional<ChunkRange>& range) {
  const std::string_view header = call.request.fields.Get("Content-Range");
  if (!header.empty()) {
    range = ReadContentRange(header);
    if (!range) return OutOfRange(call, upload, "the Content-Range is malformed");
    if (range->first != upload.open.size)
      return OutOfRange(call, upload, "the chunk does not begin where the upload ends");
    const auto length = call.request.body->length();
    if (length && *length != range->length()) return Fail(Code::kSizeInvalid);
  }
  if (upload.claimed && *upload.claimed != upload.open.size)
    return OutOfRange(call, upload, "the upload has moved on since this Location was given");
  return std::nullopt;
}

// Takes the upload over to write at its end; a refusal when the client would write elsewhere. Who is refused, such as a
// second sender of the same chunk, leaves the upload to whoever writes to it.
Task<std::optional<Reply>> TakeOver(Call& call, Held& upload, std::optional<ChunkRange>& range) {
  Uploads& uploads = call.catalog.uploads();
  const bool anywhere = !upload.claimed && !call.request.fields.Has("Content-Range");
  while (true) {
    std::optional<BusyUploads::Stamp> as_of;
    if (!anywhere) {
      as_of = co_await uploads.Settled(upload.uuid);
      if (auto refusal = co_await Open(call, upload, Uploads::Access::kRead, std::nullopt)) co_return refusal;
      if (auto refusal = CheckPlace(call, upload, range)) co_return refusal;
    }
    const std::uint64_t looked_at = upload.open.size;
    Result<OpenUpload> taken = co_await uploads.Open(call.route.name, upload.uuid, Uploads::Access::kWrite, as_of);
    if (!taken && taken.error().code == Errc::kConflict) continue;
    if (!taken)
      co_return taken.error().code == Errc::kNotFound ? Fail(Code::kBlobUploadUnknown) : FailWith(taken.error());
    upload.open = *std::move(taken);
    if (anywhere || upload.open.size == looked_at) co_return std::nullopt;
  }
}

// Appends the body; a refusal otherwise. A chunk with a Content-Range is kept whole or not at all, and so is the last
// one, which `digest` comes with.
Task<std::optional<Reply>> TakeChunk(Call& call, Held& upload, const Digest* digest = nullptr) {
  std::optional<ChunkRange> range;
  if (auto refusal = co_await TakeOver(call, upload, range)) co_return refusal;
  const std::uint64_t before = upload.open.size;
  Uploads& uploads = call.catalog.uploads();
  const bool keep_part = digest == nullptr && !range;
  if (digest != nullptr && before == 0) uploads.Expect(call.route.name, upload.uuid, digest->algorithm());
  const Result<Received> received =
      co_await uploads.Receive(upload.open.hold, call.route.name, upload.uuid, before, *call.request.body, keep_part);
  if (!received) co_return FailWith(received.error());
  upload.open.size = received->size;
  if (received->source) co_return FailBody(*received->source);
  if (range && upload.open.size - before != range->length()) {
    const Result<void> cut = co_await uploads.Truncate(upload.open.hold, call.route.name, upload.uuid, before);
    co_return cut ? Fail(Code::kSizeInvalid) : FailWith(cut.error());
  }
  co_return std::nullopt;
}

Task<Reply> Put(Call& call, Held& upload) {
  Reply refusal;
  const auto digest = QueryDigest(call.request.query(), "digest", refusal);
  if (!digest) co_return refusal;
  if (auto refused = co_await TakeChunk(call, upload, &*digest)) co_return std::move(*refused);
  co_return co_await Finish(call, upload, *digest);
}

Task<Reply> Delete(Call& call, Held& upload) {
  const Result<void> dropped = co_await call.catalog.uploads().Drop(upload.open.hold, call.route.name, upload.uuid);
  if (!dropped) co_return FailWith(dropped.error());
  Reply response = Empty(204);
  response.fields.Add("Docker-Upload-Uuid", upload.uuid);
  co_return response;
}

}  // namespace

Task<Reply> HandleUploads(Call& call) {
  const std::string_view query = call.request.query();
  std::string text;
  if (http::QueryValue(query, "mount", text)) {
    std::string from;
    http::QueryValue(query, "from", from);
    if (const auto digest = Digest::Parse(text)) {
      const Result<bool> mounted = co_await call.catalog.blobs().Mount(call.origin(), call.route.name, *digest, from);
      if (!mounted) co_return FailWith(mounted.error());
      if (*mounted) co_return Created(call, *digest);
    }
    // A mount never fails: the client goes on with an ordinary upload.
  } else if (http::QueryValue(query, "digest", text)) {
    Reply refusal;
    const auto digest = QueryDigest(query, "digest", refusal);
    if (!digest) co_return refusal;
    co_return co_await PostWhole(call, *digest);
  }
  const Result<StartedUpload> started =
      co_await call.catalog.uploads().Start(call.route.name, AnnouncedAlgorithm(query));
  if (!started) co_return FailWith(started.error());
  Held upload;
  upload.uuid = started->uuid;
  upload.started_at = runtime::Rfc3339Nano(started->started_at);
  co_return Progress(call, upload, 202);
}

Task<Reply> HandleUpload(Call& call) {
  Held upload;
  if (auto refusal = co_await Find(call, upload)) co_return std::move(*refusal);
  const std::string& method = call.request.method;
  if (method == "PUT") co_return co_await Put(call, upload);
  if (method == "DELETE") co_return co_await Delete(call, upload);
  if (method != "PATCH") co_return Progress(call, upload, 204);
  if (auto refusal = co_await TakeChunk(call, upload)) co_return std::move(*refusal);
  co_return Progress(call, upload, 202);
}

}  // namespace portcall::registry
