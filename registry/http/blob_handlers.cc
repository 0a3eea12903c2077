#include <optional>
#include <string>

#include "registry/http/conditions.h"
#include "registry/http/handlers.h"
#include "registry/http/ranges.h"
#include "registry/http/replies.h"

namespace portcall::registry {
namespace {

Reply Unknown(const std::string& digest) { return Fail(Code::kBlobUnknown, Quote(digest)); }

void AddContentFields(Reply& response, const std::string& digest) {
  response.fields.Add("Docker-Content-Digest", digest);
  response.fields.Add("Etag", EtagOf(digest));
  response.fields.Add("Cache-Control", "max-age=31536000");
}

RangeAnswer AskedRange(const http::Request& request, const std::string& digest, std::uint64_t size) {
  const std::string_view range = request.fields.Get("Range");
  if (range.empty()) return {};
  const std::string_view condition = request.fields.Get("If-Range");
  if (!condition.empty() && condition != EtagOf(digest)) return {};
  return ReadRange(range, size);
}

Reply Unsatisfiable(const std::string& digest, std::uint64_t size) {
  Reply response = Fail(Code::kRangeInvalid, Quote("the blob has " + std::to_string(size) + " bytes"));
  AddContentFields(response, digest);
  response.fields.Add("Content-Range", "bytes */" + std::to_string(size));
  return response;
}

Task<Reply> Get(Call& call, const Digest& digest) {
  Blobs& blobs = call.catalog.blobs();
  Result<BlobContent> content = co_await blobs.Read(call.route.name, digest);
  if (!content) {
    co_return content.error().code == Errc::kNotFound ? Unknown(digest.text()) : FailWith(content.error());
  }
  const std::uint64_t size = SizeOf(*content);
  const auto* elsewhere = std::get_if<BlobRedirect>(&*content);
  Reply response;
  if (NoneMatchNames(call.request.fields.Get("If-None-Match"), digest.text())) {
    response.status = 304;
    AddContentFields(response, digest.text());
    co_return response;
  }
  // Who is sent elsewhere asks there for the same part.
  const RangeAnswer range = elsewhere != nullptr ? RangeAnswer() : AskedRange(call.request, digest.text(), size);
  if (range.kind == RangeKind::kUnsatisfiable) co_return Unsatisfiable(digest.text(), size);
  if (call.records_pulls()) {
    const Result<void> pulled =
        co_await blobs.Pulled(call.origin(), call.settings.events, call.route.name, digest, size);
    if (!pulled) co_return FailWith(pulled.error());
  }
  // The place holds for minutes only, so that nobody may keep this answer.
  if (elsewhere != nullptr && !call.head()) {
    response.status = 307;
    response.fields.Add("Docker-Content-Digest", digest.text());
    response.fields.Add("Location", elsewhere->url);
    co_return response;
  }
  AddContentFields(response, digest.text());
  response.fields.Add("Accept-Ranges", "bytes");
  response.fields.Add("Content-Type", "application/octet-stream");
  ByteSpan span{0, size};
  if (range.kind == RangeKind::kPart) {
    span = range.span;
    response.status = 206;
    response.fields.Add("Content-Range", "bytes " + std::to_string(span.offset) + "-" +
                                             std::to_string(span.offset + span.length - 1) + "/" +
                                             std::to_string(size));
  }
  if (call.head()) {
    response.head_length = span.length;
  } else if (const auto* file = std::get_if<BlobFile>(&*content)) {
    response.body = http::FileRange{file->keep, file->fd, span.offset, span.length};
  } else if (auto* stream = std::get_if<BlobStream>(&*content)) {
    response.body = http::StreamRange{std::move(stream->read), span.offset, span.length};
  }
  co_return response;
}

Task<Reply> Delete(Call& call, const Digest& digest) {
  if (!call.config().storage.delete_enabled) co_return Fail(Code::kUnsupported);
  const Result<bool> found = co_await call.catalog.blobs().Delete(call.origin(), call.route.name, digest);
  if (!found) co_return FailWith(found.error());
  co_return *found ? Empty(202) : Unknown(digest.text());
}

}  // namespace

Task<Reply> HandleBlob(Call& call) {
  const std::optional<Digest> digest = Digest::Parse(call.route.reference);
  if (!digest) co_return Fail(Code::kDigestInvalid, Quote("digest parsing failed"));
  if (call.request.method == "DELETE") co_return co_await Delete(call, *digest);
  co_return co_await Get(call, *digest);
}

}  // namespace portcall::registry
