#include "registry/catalog/blobs.h"

#include <utility>

#include "registry/recording/recorder.h"
#include "store/catalog.h"
#include "store/catalog_changes.h"

namespace portcall::registry {

Task<Result<BlobContent>> Blobs::Read(const std::string& repository, const Digest& digest) {
  auto query = [&](store::Snapshot& snapshot) -> Result<bool> {
    return store::FindBlob(snapshot, repository, digest.text()).has_value();
  };
  const Result<bool> linked = co_await deps_.store.Read(query);
  if (!linked) co_return linked.error();
  if (!*linked) co_return Error(Errc::kNotFound, "the blob is not linked in the repository");
  Result<BlobContent> content = co_await deps_.blobs.Read(digest);
  if (!content && content.error().code == Errc::kNotFound) {
    deps_.log.Error("blob file missing", {{"vars.name", repository}, {"vars.digest", digest.text()}});
  }
  co_return content;
}

Task<Result<void>> Blobs::Pulled(const OriginPtr& origin, const EventRules& rules, const std::string& repository,
                                 const Digest& digest, std::uint64_t size) {
  return recorder_.RecordPull(BlobEvent(origin, repository, store::Action::kPull, digest.text(), size), rules.pulls);
}

// The catalog may link a blob whose file was removed by hand: then the client has to push it again.
Task<Result<bool>> Blobs::HasFile(const Digest& digest) {
  const Result<BlobContent> file = co_await deps_.blobs.Read(digest);
  if (file) co_return true;
  if (file.error().code == Errc::kNotFound) co_return false;
  co_return file.error();
}

Task<Result<bool>> Blobs::Mount(const OriginPtr& origin, const std::string& repository, const Digest& digest,
                                const std::string& from) {
  if (!IsRepositoryName(from) || from.size() > kMaxNameLength) co_return false;
  const Result<bool> there = co_await HasFile(digest);
  if (!there || !*there) co_return there;
  const store::BlobMount mount{repository, digest.text(), from,
                               Seal(BlobEvent(origin, repository, store::Action::kMount, digest.text(), 0, from))};
  auto job = [&mount](store::Tx& tx) -> Result<bool> { return store::MountBlob(tx, mount); };
  co_return co_await deps_.store.Write(job);
}

Task<Result<bool>> Blobs::Delete(const OriginPtr& origin, const std::string& repository, const Digest& digest) {
  const store::BlobDeletion deletion{repository, digest.text(),
                                     Seal(DeletedEvent(origin, repository, store::Kind::kBlob, digest.text()))};
  auto job = [&deletion](store::Tx& tx) -> Result<bool> { return store::DeleteBlob(tx, deletion); };
  co_return co_await deps_.store.Write(job);
}

}  // namespace portcall::registry
