#include "store/catalog_changes.h"

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <unordered_set>

#include "store/event_log.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {

namespace {

const Sql kRepository("SELECT id FROM repositories WHERE name=?");
const Sql kAddRepository("INSERT INTO repositories (name,place) VALUES (?1,replace(?1,'/',char(1)))");

#define LINKED                                                                 \
  "EXISTS (SELECT 1 FROM blob_links AS l JOIN blobs AS b USING (digest) WHERE" \
  " l.repository=?1 AND l.digest=wanted.value)"
// One statement for all, because a manifest names many and every request shares the writer.
const Sql kMissingBlobs("SELECT value FROM json_each(?2) AS wanted WHERE NOT " LINKED " ORDER BY wanted.key LIMIT ?3");
const Sql kMissingManifests("SELECT value FROM json_each(?2) AS wanted WHERE NOT " LINKED
                            " AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository=?1 AND digest=wanted.value)"
                            " ORDER BY wanted.key LIMIT ?3");
#undef LINKED

const Sql kPutManifest(
    "INSERT INTO manifests (repository,digest,media_type,subject,artifact_type,annotations,bytes)"
    " VALUES (?,?,?,?,?,?,?) ON CONFLICT (repository,digest) DO UPDATE SET media_type=excluded.media_type,"
    "subject=excluded.subject,artifact_type=excluded.artifact_type,annotations=excluded.annotations"
    " WHERE media_type<>excluded.media_type OR subject<>excluded.subject OR artifact_type<>excluded.artifact_type");
const Sql kManifestExists("SELECT 1 FROM manifests WHERE repository=? AND digest=?");
const Sql kDeleteManifest("DELETE FROM manifests WHERE repository=? AND digest=?");

const Sql kTag("SELECT digest FROM tags WHERE repository=? AND name=?");
const Sql kTagsOf("SELECT name FROM tags WHERE repository=? AND digest=? ORDER BY name");
const Sql kPutTag(
    "INSERT INTO tags (repository,name,digest) VALUES (?,?,?)"
    " ON CONFLICT (repository,name) DO UPDATE SET digest=excluded.digest");
const Sql kDeleteTag("DELETE FROM tags WHERE repository=? AND name=?");
const Sql kDeleteTagsOf("DELETE FROM tags WHERE repository=? AND digest=?");

const Sql kBlob("SELECT size FROM blobs WHERE digest=?");
const Sql kLinkedBlob(
    "SELECT size FROM blobs WHERE digest=(SELECT digest FROM blob_links WHERE"
    " repository=(SELECT id FROM repositories WHERE name=?) AND digest=?)");
const Sql kPutBlob(
    "INSERT INTO blobs (digest,size) VALUES (?,?) ON CONFLICT (digest) DO UPDATE SET size=excluded.size"
    " WHERE size<>excluded.size");
const Sql kLinkBlob("INSERT INTO blob_links (repository,digest) VALUES (?,?) ON CONFLICT DO NOTHING");
const Sql kUnlinkBlob(
    "DELETE FROM blob_links WHERE repository=(SELECT id FROM repositories WHERE name=?) AND digest=?");
const Sql kDeleteUpload("DELETE FROM uploads WHERE uuid=?");

std::optional<std::int64_t> RepositoryId(Connection& connection, std::string_view name) {
  Query query(connection, kRepository, name);
  if (!query.Step()) return std::nullopt;
  return query.Int(0);
}

std::int64_t MakeRepository(Connection& connection, std::string_view name) {
  if (const auto id = RepositoryId(connection, name)) return *id;
  Query(connection, kAddRepository, name).Run();
  return connection.last_insert_id();
}

std::vector<std::string> AllTexts(Query& query) {
  std::vector<std::string> texts;
  while (query.Step()) texts.push_back(query.String(0));
  return texts;
}

// Adds those of `wanted` that are not there. `seen` keeps a digest from being looked up twice: a manifest may repeat
// one tens of thousands of times.
void AddMissing(Connection& connection, const Sql& sql, std::int64_t repository, std::span<const std::string> wanted,
                std::unordered_set<std::string_view>& seen, std::vector<std::string>& missing) {
  nlohmann::json once = nlohmann::json::array();
  for (const std::string& digest : wanted) {
    if (seen.insert(digest).second) once.push_back(digest);
  }
  if (once.empty() || missing.size() >= kMostMissing) return;
  const std::string list = once.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  Query query(connection, sql, repository, list, kMostMissing - missing.size());
  for (std::string& digest : AllTexts(query)) missing.push_back(std::move(digest));
}

struct Moved {
  std::string tag;
  std::optional<std::string> before;
};

std::vector<Moved> TagsBefore(Connection& connection, std::optional<std::int64_t> repository,
                              const std::vector<std::string>& tags) {
  std::vector<Moved> before;
  for (const std::string& tag : tags) {
    Moved& moved = before.emplace_back(Moved{tag, std::nullopt});
    if (!repository) continue;
    Query query(connection, kTag, *repository, tag);
    if (query.Step()) moved.before = query.String(0);
  }
  return before;
}

}  // namespace

std::vector<std::string> PushManifest(Tx& tx, const ManifestPush& push) {
  Connection& connection = tx.connection();
  const std::optional<std::int64_t> known = RepositoryId(connection, push.repository);
  constexpr std::int64_t kNone = 0;  // no repository has this id
  std::unordered_set<std::string_view> seen;
  std::vector<std::string> missing;
  AddMissing(connection, kMissingBlobs, known.value_or(kNone), push.blobs, seen, missing);
  AddMissing(connection, kMissingManifests, known.value_or(kNone), push.manifests, seen, missing);
  if (!missing.empty()) return missing;
  const std::vector<Moved> tags = TagsBefore(connection, known, push.tags);

  const ManifestRow& row = push.manifest;
  const std::int64_t id = known ? *known : MakeRepository(connection, push.repository);
  Query(connection, kPutManifest, id, row.digest, row.media_type, row.subject, row.artifact_type, row.annotations,
        Blob{row.bytes})
      .Run();
  if (tags.empty()) Append(tx, push.event);
  for (const Moved& tag : tags) {
    if (tag.before != row.digest) Query(connection, kPutTag, id, tag.tag, row.digest).Run();
    Event event = push.event;
    if (tag.before || tag.tag != event.tag) {
      Details details = push.details;
      details.previous_digest = tag.before.value_or("");
      event.tag = tag.tag;
      event.details = EncodeDetails(details);
    }
    Append(tx, std::move(event));
  }
  return {};
}

std::vector<std::string> TagsOf(Snapshot& s, std::string_view repository, std::string_view digest) {
  const auto id = RepositoryId(s.connection(), repository);
  if (!id) return {};
  Query query(s.connection(), kTagsOf, *id, digest);
  return AllTexts(query);
}

Deleted DeleteManifest(Tx& tx, const ManifestDeletion& deletion) {
  Connection& connection = tx.connection();
  const auto id = RepositoryId(connection, deletion.repository);
  if (!id || !Query(connection, kManifestExists, *id, deletion.digest).Step()) return Deleted::kNotThere;
  std::vector<std::string> tags;
  {
    Query query(connection, kTagsOf, *id, deletion.digest);
    tags = AllTexts(query);
  }
  std::vector<const Event*> events;
  for (const std::string& tag : tags) {
    const auto named = std::ranges::find(deletion.tags, tag);
    if (named == deletion.tags.end()) return Deleted::kOtherTags;
    events.push_back(&deletion.tag_events.at(static_cast<std::size_t>(named - deletion.tags.begin())));
  }
  if (!tags.empty()) Query(connection, kDeleteTagsOf, *id, deletion.digest).Run();
  Query(connection, kDeleteManifest, *id, deletion.digest).Run();
  Append(tx, deletion.event);
  for (const Event* event : events) Append(tx, *event);
  return Deleted::kYes;
}

bool DeleteTag(Tx& tx, const TagDeletion& deletion) {
  Connection& connection = tx.connection();
  const auto id = RepositoryId(connection, deletion.repository);
  if (!id) return false;
  Query(connection, kDeleteTag, *id, deletion.tag).Run();
  if (connection.changes() == 0) return false;
  Append(tx, deletion.event);
  return true;
}

void FinishUpload(Tx& tx, const UploadFinish& finish) {
  Connection& connection = tx.connection();
  Query(connection, kPutBlob, finish.digest, finish.size).Run();
  Query(connection, kLinkBlob, MakeRepository(connection, finish.repository), finish.digest).Run();
  if (!finish.uuid.empty()) Query(connection, kDeleteUpload, finish.uuid).Run();
  Append(tx, finish.event);
}

bool MountBlob(Tx& tx, const BlobMount& mount) {
  Connection& connection = tx.connection();
  Event event = mount.event;
  {
    Query size = mount.from.empty() ? Query(connection, kBlob, mount.digest)
                                    : Query(connection, kLinkedBlob, mount.from, mount.digest);
    if (!size.Step()) return false;
    event.size = size.Int(0);
  }
  Query(connection, kLinkBlob, MakeRepository(connection, mount.repository), mount.digest).Run();
  Append(tx, std::move(event));
  return true;
}

bool DeleteBlob(Tx& tx, const BlobDeletion& deletion) {
  Query(tx.connection(), kUnlinkBlob, deletion.repository, deletion.digest).Run();
  if (tx.connection().changes() == 0) return false;
  Append(tx, deletion.event);
  return true;
}

}  // namespace portcall::store
