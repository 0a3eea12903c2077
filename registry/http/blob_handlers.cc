#include <optional>
#include <string>
#include <utility>

#include "registry/http/conditions.h"
#include "registry/http/handlers.h"
#include "registry/http/ranges.h"
#include "registry/http/replies.h"
#include "registry/recording/events.h"
#include "registry/recording/pull_recorder.h"
#include "store/catalog.h"
#include "store/catalog_changes.h"
#include "store/digest.h"

namespace portcall::registry {
namespace {

http::Response Unknown(const std::string& digest) { return Fail(Code::kBlobUnknown, Quote(digest)); }

// The content of a blob that is linked in the repository; kNotFound otherwise.
Task<Result<store::BlobContent>> ReadLinked(Call& call, const store::Digest& digest) {
  auto query = [&](store::Snapshot& snapshot) -> Result<bool> {
    return store::FindBlob(snapshot, call.route.name, digest.text()).has_value();
  };
  const Result<bool> linked = co_await call.core.deps.store.Read(query);
  if (!linked) co_return linked.error();
  if (!*linked) co_return Error(Errc::kNotFound, "the blob is not linked in the repository");
  Result<store::BlobContent> file = co_await call.core.deps.blobs.Read(digest);
  if (!file && file.error().code == Errc::kNotFound) {
    call.core.deps.log.Error("blob file missing", {{"vars.name", call.route.name}, {"vars.digest", digest.text()}});
  }
  co_return file;
}

void AddContentFields(http::Response& response, const std::string& digest) {
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

http::Response Unsatisfiable(const std::string& digest, std::uint64_t size) {
  http::Response response = Fail(Code::kRangeInvalid, Quote("the blob has " + std::to_string(size) + " bytes"));
  AddContentFields(response, digest);
  response.fields.Add("Content-Range", "bytes */" + std::to_string(size));
  return response;
}

Task<http::Response> Get(Call& call, const store::Digest& digest) {
  Result<store::BlobContent> content = co_await ReadLinked(call, digest);
  if (!content) {
    co_return content.error().code == Errc::kNotFound ? Unknown(digest.text()) : FailWith(content.error());
  }
  const std::uint64_t size = store::SizeOf(*content);
  const auto* elsewhere = std::get_if<store::BlobRedirect>(&*content);
  http::Response response;
  if (NoneMatchNames(call.request.fields.Get("If-None-Match"), digest.text())) {
    response.status = 304;
    AddContentFields(response, digest.text());
    co_return response;
  }
  // Who is sent elsewhere asks there for the same part.
  const RangeAnswer range = elsewhere != nullptr ? RangeAnswer() : AskedRange(call.request, digest.text(), size);
  if (range.kind == RangeKind::kUnsatisfiable) co_return Unsatisfiable(digest.text(), size);
  const config::PullEvents mode = call.pulls();
  if (mode != config::PullEvents::kOff) {
    Draft draft = BlobEvent(call, store::Action::kPull, digest.text(), size);
    const Result<void> recorded = co_await call.core.pulls.Record(std::move(draft), mode);
    if (!recorded) co_return FailWith(recorded.error());
  }
  AddContentFields(response, digest.text());
  if (elsewhere != nullptr && !call.head()) {
    response.status = 307;
    response.fields.Add("Location", elsewhere->url);
    co_return response;
  }
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
  } else if (const auto* file = std::get_if<store::BlobFile>(&*content)) {
    response.body = http::FileRange{file->keep, file->fd, span.offset, span.length};
  } else if (auto* stream = std::get_if<store::BlobStream>(&*content)) {
    response.body = http::StreamRange{std::move(stream->read), span.offset, span.length};
  }
  co_return response;
}

// Takes the blob out of this repository; other repositories, and the file, keep it.
Task<http::Response> Delete(Call& call, const store::Digest& digest) {
  if (!call.config().storage.delete_enabled) co_return Fail(Code::kUnsupported);
  const store::BlobDeletion deletion{call.route.name, digest.text(),
                                     Seal(DeletedEvent(call, store::Kind::kBlob, digest.text()))};
  auto job = [&deletion](store::Tx& tx) -> Result<bool> { return store::DeleteBlob(tx, deletion); };
  const Result<bool> done = co_await call.core.deps.store.Write(job);
  if (!done) co_return FailWith(done.error());
  co_return *done ? Empty(202) : Unknown(digest.text());
}

}  // namespace

Task<http::Response> HandleBlob(Call& call) {
  const std::optional<store::Digest> digest = store::Digest::Parse(call.route.reference);
  if (!digest) co_return Fail(Code::kDigestInvalid, Quote("digest parsing failed"));
  if (call.request.method == "DELETE") co_return co_await Delete(call, *digest);
  co_return co_await Get(call, *digest);
}

}  // namespace portcall::registry
