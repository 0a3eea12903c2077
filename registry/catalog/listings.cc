#include "registry/catalog/listings.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "registry/catalog/fallback_index.h"
#include "registry/catalog/manifest.h"
#include "runtime/json.h"
#include "runtime/loops.h"
#include "runtime/text.h"

namespace portcall::registry {
namespace {

// Where a page begins: behind a row of the catalog, or behind so many entries of the tag that old clients keep.
struct Place {
  std::int64_t row = 0;
  std::optional<std::size_t> entry;
};
constexpr char kEntry = 't';  // begins the places in the tag

std::optional<Place> ReadPlace(std::string_view text) {
  Place place;
  if (text.empty()) return place;
  if (text.front() != kEntry) {
    const auto row = runtime::ParseNumber<std::int64_t>(text);
    if (!row || *row <= 0) return std::nullopt;
    place.row = *row;
    return place;
  }
  place.entry = runtime::ParseNumber<std::size_t>(text.substr(1));
  return place.entry ? std::optional(place) : std::nullopt;
}

// A page that is being filled.
class Filling {
 public:
  Filling(ReferrerPage& page, std::size_t limit) : page_(page), limit_(limit) {
    for (const std::string& descriptor : page.descriptors) bytes_ += descriptor.size() + 1;
  }
  // False: the page is full, and this descriptor is for the next.
  bool Add(std::string descriptor) {
    const std::size_t more = descriptor.size() + 1;  // and a comma
    const bool first = page_.descriptors.empty();
    if (!first && (page_.descriptors.size() >= limit_ || bytes_ + more > kMaxReferrerBytes)) return false;
    bytes_ += more;
    page_.descriptors.push_back(std::move(descriptor));
    return true;
  }

 private:
  ReferrerPage& page_;
  const std::size_t limit_;
  std::size_t bytes_ = 0;
};

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

// Adds to `names` what is found behind them, and makes `rest` the page of what is still wanted.
void Extend(Names& names, Names found, PageOf& rest) {
  rest.limit -= found.names.size();
  names.more = found.more;
  std::ranges::move(found.names, std::back_inserter(names.names));
}

}  // namespace

Task<Result<Names>> Listings::Repositories(const PageOf& page) {
  Names names;
  PageOf rest = page;
  auto list = [&](store::Snapshot& s) -> Result<Names> { return store::ListRepositories(s, rest); };
  while (page.limit != 0) {
    Result<Names> found = co_await deps_.store.Read(list);
    if (!found) co_return found.error();
    rest.last = std::move(found->unseen);
    Extend(names, *std::move(found), rest);
    if (rest.last.empty()) break;
  }
  co_return names;
}

Task<Result<std::optional<Names>>> Listings::Tags(const std::string& repository, const PageOf& page) {
  Names names;
  PageOf rest = page;
  auto list = [&](store::Snapshot& s) -> Result<std::optional<Names>> {
    return store::ListTags(s, repository, {std::min(rest.limit, store::kRowsAtOnce), rest.last});
  };
  while (true) {
    Result<std::optional<Names>> found = co_await deps_.store.Read(list);
    if (!found) co_return found.error();
    if (!*found) co_return std::optional<Names>();
    Extend(names, **std::move(found), rest);
    if (!names.more || rest.limit == 0) co_return names;
    rest.last = names.names.back();
  }
}

Task<Result<ReferrerPage>> Listings::Referrers(const std::string& repository, const Digest& digest,
                                               const ReferrerQuery& query) {
  const std::optional<Place> from = ReadPlace(query.from);
  if (!from) co_return Error(Errc::kInvalid, "no page of referrers begins there");
  ReferrerPage page;
  Filling filling(page, query.limit);
  std::int64_t last = from->row;
  bool full = false, more = !from->entry;
  const auto take = [&](const store::ReferrerRow& row) {
    full = !filling.Add(DescriptorOf(row));
    if (!full) last = row.place;
    return !full;
  };
  auto list = [&](store::Snapshot& s) -> Result<bool> {
    const auto unseen = store::ListReferrers(s, repository, digest.text(), query.artifact_type, last, take);
    if (unseen) last = *unseen;
    return unseen.has_value();
  };
  while (more) {
    const Result<bool> listed = co_await deps_.store.Read(list);
    if (!listed) co_return listed.error();
    more = *listed;
  }
  if (full) page.next = std::to_string(last);
  const auto added =
      full ? Result<void>() : co_await AddTagged(repository, digest, query, from->entry.value_or(0), page);
  if (!added) co_return added.error();
  co_return page;
}

// Where a registry has no referrers API, clients list referrers in a tag named after the digest: adds those that the
// catalog does not know as such.
Task<Result<void>> Listings::AddTagged(const std::string& repository, const Digest& digest, const ReferrerQuery& query,
                                       std::size_t after, ReferrerPage& page) {
  // distribution-spec, "Referrers Tag Schema": a long digest is cut, so that it fits into a tag.
  const std::string tag = std::string(digest.algorithm()) + "-" + std::string(digest.hex().substr(0, 64));
  using Row = std::optional<store::ManifestRow>;
  auto find = [&](store::Snapshot& s) -> Result<Row> {
    const auto tagged = store::FindTag(s, repository, tag);
    return tagged ? store::FindManifest(s, repository, *tagged) : std::nullopt;
  };
  const Result<Row> index = co_await deps_.store.Read(find);
  if (!index) co_return index.error();
  if (!*index) co_return Result<void>();
  auto read = [&] { return ReadFallbackIndex((*index)->bytes, query.artifact_type, after); };
  const bool large = (*index)->bytes.size() >= kLargeManifest;
  std::vector<TaggedReferrer> tagged = large ? co_await runtime::RunOn(deps_.hashing, read) : read();
  Filling filling(page, query.limit);
  std::size_t next = 0;
  auto add = [&](store::Snapshot& s) -> Result<bool> {
    const std::size_t end = std::min(tagged.size(), next + store::kRowsAtOnce);
    for (; next < end; ++next) {
      TaggedReferrer& one = tagged[next];
      if (store::IsReferrer(s, repository, one.digest, digest.text())) continue;
      if (filling.Add(std::move(one.descriptor))) continue;
      page.next = kEntry + std::to_string(one.at - 1);
      return false;
    }
    return next < tagged.size();
  };
  bool more = !tagged.empty();
  while (more) {
    const Result<bool> added = co_await deps_.store.Read(add);
    if (!added) co_return added.error();
    more = *added;
  }
  co_return Result<void>();
}

}  // namespace portcall::registry
