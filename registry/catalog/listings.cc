#include "registry/catalog/listings.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "registry/catalog/manifest.h"
#include "runtime/json.h"
#include "runtime/loops.h"
#include "runtime/text.h"

namespace portcall::registry {
namespace {

// Where a page begins: behind a row of the catalog, or behind an entry of the tag that old clients keep. They write its
// index anew with each push, so that an entry is known by its digest, and by its number where it has gone.
struct Place {
  std::int64_t row = 0;
  std::optional<std::size_t> entry;
  std::string digest;
};
constexpr char kEntry = 't', kDigest = '-';  // `t17-sha256:...`

std::optional<Place> ReadPlace(std::string_view text) {
  Place place;
  if (text.empty()) return place;
  if (text.front() != kEntry) {
    const auto row = runtime::ParseNumber<std::int64_t>(text);
    if (!row || *row <= 0) return std::nullopt;
    place.row = *row;
    return place;
  }
  const std::size_t end = std::min(text.size(), text.find(kDigest));
  place.entry = runtime::ParseNumber<std::size_t>(text.substr(1, end - 1));
  if (end < text.size()) place.digest = text.substr(end + 1);
  return place.entry ? std::optional(place) : std::nullopt;
}

// The first entry of the next page.
std::size_t Behind(const Place& place, const std::vector<TaggedReferrer>& tagged) {
  const auto known = std::ranges::find(tagged, place.digest, &TaggedReferrer::digest);
  if (!place.digest.empty() && known != tagged.end()) return static_cast<std::size_t>(known - tagged.begin()) + 1;
  const auto next =
      std::ranges::find_if(tagged, [&](const TaggedReferrer& one) { return one.at > place.entry.value_or(0); });
  return static_cast<std::size_t>(next - tagged.begin());
}

// The annotations are pasted: they were read when the manifest was pushed, and a client decides how many there are.
std::string DescriptorOf(const store::ReferrerRow& row) {
  std::string descriptor;
  runtime::JsonWriter writer(descriptor, runtime::JsonSpelling::kPlain);
  writer.Begin();
  writer.Text("mediaType", row.media_type);
  writer.Text("digest", row.digest);
  writer.Number("size", static_cast<std::int64_t>(row.size));
  writer.OptionalText("artifactType", row.artifact_type);
  if (!row.annotations.empty()) writer.Raw("annotations", row.annotations);
  writer.End();
  return descriptor;
}

// What the entries of a tag's index take while they are looked through, for each byte of it.
constexpr std::size_t kTaggedCost = 6;

}  // namespace

// The last piece gives back what the list did not need, where copying it delays no loop.
Task<Result<void>> Listings::Fill(ListText& list, Piece piece) {
  auto read = [&](store::Snapshot& s) -> Result<bool> {
    Result<bool> more = piece(s);
    if (more && !list.cramped() && (!*more || list.full())) list.Trim();
    return more;
  };
  while (true) {
    const Result<bool> more = co_await deps_.store.Read(read);
    if (!more) co_return more.error();
    if (list.cramped()) {
      const Result<void> widened = co_await list.Widen(long_lists_);
      if (!widened) co_return widened.error();
      continue;
    }
    if (!*more || list.full()) co_return Result<void>();
    if (list.gone()) co_return Error(Errc::kUnavailable, "the client has gone");
  }
}

Task<Result<bool>> Listings::Repositories(const std::string& last, ListText& list) {
  std::string behind = last;
  bool more = false;
  const auto piece = [&](store::Snapshot& s) -> Result<bool> {
    const store::Names found = store::ListRepositories(s, {list.left(), behind});
    for (const std::string& name : found.names) {
      if (!list.AddName(name)) return more = true;
      behind = name;
    }
    more = found.more;
    if (more || found.unseen.empty()) return false;
    behind = found.unseen;
    return true;
  };
  const Result<void> filled = list.left() == 0 ? Result<void>() : co_await Fill(list, piece);
  if (!filled) co_return filled.error();
  co_return more;
}

Task<Result<bool>> Listings::Tags(const std::string& repository, const std::string& last, ListText& list) {
  std::string behind = last;
  bool more = false;
  const auto piece = [&](store::Snapshot& s) -> Result<bool> {
    const auto found = store::ListTags(s, repository, {std::min(list.left(), store::kRowsAtOnce), behind});
    if (!found) return Error(Errc::kNotFound, "no such repository");
    for (const std::string& name : found->names) {
      if (!list.AddName(name)) return more = true;
      behind = name;
    }
    more = found->more;
    return more && list.left() > 0;
  };
  const Result<void> filled = co_await Fill(list, piece);
  if (!filled) co_return filled.error();
  co_return more;
}

Task<Result<std::string>> Listings::Referrers(const std::string& repository, const Digest& digest,
                                              const ReferrerQuery& query, ListText& list) {
  const std::optional<Place> from = ReadPlace(query.from);
  if (!from) co_return Error(Errc::kInvalid, "no page of referrers begins there");
  std::int64_t last = from->row;
  const auto take = [&](const store::ReferrerRow& row) {
    if (!list.AddJson(DescriptorOf(row))) return false;
    last = row.place;
    return true;
  };
  const auto piece = [&](store::Snapshot& s) -> Result<bool> {
    const auto unseen = store::ListReferrers(s, repository, digest.text(), query.artifact_type, last, take);
    if (unseen) last = *unseen;
    return unseen.has_value();
  };
  const Result<void> filled = from->entry ? Result<void>() : co_await Fill(list, piece);
  if (!filled) co_return filled.error();
  if (list.full()) co_return std::to_string(last);
  co_return co_await AddTagged(repository, digest, query, [&](const Tagged& all) { return Behind(*from, all); }, list);
}

// A large index is read, and taken apart, when it is the list's turn and there is room.
Task<Result<Listings::Tagged>> Listings::ReadTagged(const std::string& repository, const std::string& tag,
                                                    const ReferrerQuery& query, ListText& list) {
  using Row = std::optional<store::ManifestRow>;
  std::size_t counted = ListText::kShort / kTaggedCost, needed = 0;
  auto find = [&](store::Snapshot& s) -> Result<Row> {
    const auto tagged = store::FindTag(s, repository, tag);
    Row row = tagged ? store::FindManifest(s, repository, *tagged) : std::nullopt;
    needed = row ? row->bytes.size() : 0;
    if (needed > counted) row.reset();
    return row;
  };
  Result<Row> index = co_await deps_.store.Read(find);
  while (index && needed > counted) {
    counted = needed;
    const std::size_t bytes = kTaggedCost * counted;
    const Result<void> room =
        counted < kLargeManifest ? co_await list.Count(bytes) : co_await list.Widen(long_lists_, bytes);
    if (!room) co_return room.error();
    index = co_await deps_.store.Read(find);
  }
  if (!index) co_return index.error();
  if (!*index) co_return Tagged();
  auto read = [&] { return ReadFallbackIndex((*index)->bytes, query.artifact_type); };
  if ((*index)->bytes.size() < kLargeManifest) co_return read();
  co_return co_await runtime::RunOn(deps_.hashing, read);
}

// Where a registry has no referrers API, clients list referrers in a tag named after the digest: adds those that the
// catalog does not know as such. Where the next page begins.
Task<Result<std::string>> Listings::AddTagged(const std::string& repository, const Digest& digest,
                                              const ReferrerQuery& query, const First& first, ListText& list) {
  // distribution-spec, "Referrers Tag Schema": a long digest is cut, so that it fits into a tag.
  const std::string tag = std::string(digest.algorithm()) + "-" + std::string(digest.hex().substr(0, 64));
  Result<Tagged> tagged = co_await ReadTagged(repository, tag, query, list);
  if (!tagged) co_return tagged.error();
  std::size_t next = first(*tagged);
  const auto piece = [&](store::Snapshot& s) -> Result<bool> {
    const std::size_t end = std::min(tagged->size(), next + store::kRowsAtOnce);
    for (; next < end; ++next) {
      const TaggedReferrer& one = (*tagged)[next];
      if (store::IsReferrer(s, repository, one.digest, digest.text())) continue;
      if (!list.AddJson(one.descriptor)) return true;
    }
    return next < tagged->size();
  };
  const Result<void> filled = tagged->empty() ? Result<void>() : co_await Fill(list, piece);
  if (!filled) co_return filled.error();
  if (!list.full()) co_return std::string();
  // The entries in between are in the catalog: they are passed over again.
  const TaggedReferrer& last = (*tagged)[next == 0 ? 0 : next - 1];
  co_return next == 0 ? std::string(1, kEntry) + "0" : kEntry + std::to_string(last.at) + kDigest + last.digest;
}

}  // namespace portcall::registry
