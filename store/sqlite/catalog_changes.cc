#include "store/catalog_changes.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "store/event_log.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {

namespace {

const Sql kRepository("SELECT id FROM repositories WHERE name=?");
const Sql kAddRepository("INSERT INTO repositories (name,place) VALUES (?1,replace(?1,'/',char(1)))");

const Sql kIsLinked("SELECT 1 FROM blob_links JOIN blobs USING (digest) WHERE repository=? AND digest=?");

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

// The digests that the repository lacks. Each is looked up once: a manifest may repeat one tens of thousands of times.
std::vector<std::string> MissingOf(Connection& connection, std::int64_t repository, const ManifestPush& push) {
  std::unordered_set<std::string_view> seen;
  std::vector<std::string> missing;
  const auto lacks = [&](const Sql& sql, const std::string& digest) {
    return !Query(connection, sql, repository, digest).Step();
  };
  for (const std::string& blob : push.blobs) {
    if (missing.size() == kMostMissing) return missing;
    if (seen.insert(blob).second && lacks(kIsLinked, blob)) missing.push_back(blob);
  }
  for (const std::string& manifest : push.manifests) {
    if (missing.size() == kMostMissing) return missing;
    if (!seen.insert(manifest).second) continue;
    if (lacks(kManifestExists, manifest) && lacks(kIsLinked, manifest)) missing.push_back(manifest);
  }
  return missing;
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

// `encoded`, which names no previous digest, with this one; empty: none. Not encoded anew: its list of references may
// be long.
std::string WithPrevious(const std::string& encoded, std::string digest) {
  if (digest.empty()) return encoded;
  Details own;
  own.previous_digest = std::move(digest);
  std::string details = EncodeDetails(own);
  if (encoded.size() <= std::string_view("{}").size()) return details;
  details.back() = ',';
  details.append(encoded, 1);
  return details;
}

}  // namespace

std::vector<std::string> PushManifest(Tx& tx, const ManifestPush& push) {
  Connection& connection = tx.connection();
  const std::optional<std::int64_t> known = RepositoryId(connection, push.repository);
  constexpr std::int64_t kNone = 0;  // no repository has this id
  std::vector<std::string> missing = MissingOf(connection, known.value_or(kNone), push);
  if (!missing.empty()) return missing;
  const std::vector<Moved> tags = TagsBefore(connection, known, push.tags);

  const ManifestRow& row = push.manifest;
  const std::int64_t id = known ? *known : MakeRepository(connection, push.repository);
  Query(connection, kPutManifest, id, row.digest, row.media_type, row.subject, row.artifact_type, row.annotations,
        Blob{row.bytes})
      .Run();
  if (tags.empty()) Append(tx, push.event);
  const std::string others = tags.size() > 1 ? EncodeDetails(push.details) : std::string();
  Event event = push.event;
  for (const Moved& tag : tags) {
    if (tag.before != row.digest) Query(connection, kPutTag, id, tag.tag, row.digest).Run();
    const bool first = &tag == &tags.front();
    event.tag = tag.tag;
    event.details = WithPrevious(first ? push.event.details : others, tag.before.value_or(""));
    Append(tx, event);
  }
  return {};
}

bool DeleteManifest(Tx& tx, const ManifestDeletion& deletion) {
  Connection& connection = tx.connection();
  const auto id = RepositoryId(connection, deletion.repository);
  if (!id) return false;
  Query(connection, kDeleteManifest, *id, deletion.digest).Run();
  if (connection.changes() == 0) return false;
  Append(tx, deletion.event);
  {
    Query tags(connection, kTagsOf, *id, deletion.digest);
    while (tags.Step()) {
      Event event = deletion.tag_event;
      event.tag = tags.String(0);
      Append(tx, std::move(event));
    }
  }
  Query(connection, kDeleteTagsOf, *id, deletion.digest).Run();
  return true;
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
    Query size(connection, kLinkedBlob, mount.from, mount.digest);
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
