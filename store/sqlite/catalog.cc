#include "store/catalog.h"

#include <limits>
#include <utility>

#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {

namespace {

#define OF_REPOSITORY " repository=(SELECT id FROM repositories WHERE name=?) "

const Sql kRepository("SELECT id FROM repositories WHERE name=?");
const Sql kManifest(
    "SELECT digest,media_type,subject,artifact_type,annotations,bytes FROM manifests WHERE" OF_REPOSITORY
    "AND digest=?");
// length() of a blob does not read it, nor are the annotations of those that are not wanted.
const Sql kReferrers(
    "SELECT id,?3='' OR artifact_type=?3,digest,media_type,artifact_type,"
    "CASE WHEN ?3='' OR artifact_type=?3 THEN annotations ELSE '' END,length(bytes) FROM manifests"
    " WHERE repository=(SELECT id FROM repositories WHERE name=?1) AND subject<>'' AND subject=?2"
    " AND id>?4 ORDER BY id LIMIT ?5");
const Sql kIsReferrer("SELECT 1 FROM manifests WHERE" OF_REPOSITORY "AND digest=? AND subject<>'' AND subject=?");
const Sql kTag("SELECT digest FROM tags WHERE" OF_REPOSITORY "AND name=?");
const Sql kTags("SELECT name FROM tags WHERE repository=? AND name>? ORDER BY name LIMIT ?");
const Sql kRepositories(
    "SELECT name,EXISTS (SELECT 1 FROM manifests AS m WHERE m.repository=r.id)"
    " OR EXISTS (SELECT 1 FROM blob_links AS l WHERE l.repository=r.id)"
    " FROM repositories AS r WHERE place>replace(?,'/',char(1)) ORDER BY place LIMIT ?");
const Sql kLinkedBlob("SELECT size FROM blobs WHERE digest=(SELECT digest FROM blob_links WHERE" OF_REPOSITORY
                      "AND digest=?)");
const Sql kPutUpload(
    "INSERT INTO uploads (uuid,repository,started_at) VALUES (?,?,?) ON CONFLICT (uuid) DO UPDATE SET"
    " repository=excluded.repository,started_at=excluded.started_at");
const Sql kDeleteUpload("DELETE FROM uploads WHERE uuid=?");
const Sql kUpload("SELECT uuid,repository,started_at FROM uploads WHERE uuid=?");
const Sql kOldUploads(
    "SELECT uuid,repository,started_at FROM uploads WHERE started_at<? AND (started_at,uuid)>(?,?)"
    " ORDER BY started_at,uuid LIMIT ?");
const Sql kAnything("SELECT EXISTS (SELECT 1 FROM repositories) OR EXISTS (SELECT 1 FROM blobs)");

#undef OF_REPOSITORY

std::optional<std::int64_t> RepositoryId(Connection& connection, std::string_view name) {
  Query query(connection, kRepository, name);
  if (!query.Step()) return std::nullopt;
  return query.Int(0);
}

template <class... Args>
std::optional<std::string> FirstText(Connection& connection, const Sql& sql, const Args&... args) {
  Query query(connection, sql, args...);
  if (!query.Step()) return std::nullopt;
  return query.String(0);
}

template <class... Args>
std::optional<std::int64_t> FirstInt(Connection& connection, const Sql& sql, const Args&... args) {
  Query query(connection, sql, args...);
  if (!query.Step()) return std::nullopt;
  return query.Int(0);
}

template <class... Args>
bool Changes(Connection& connection, const Sql& sql, const Args&... args) {
  Query(connection, sql, args...).Run();
  return connection.changes() > 0;
}

ManifestRow ReadManifest(const Query& row) {
  ManifestRow manifest;
  manifest.digest = row.Text(0);
  manifest.media_type = row.Text(1);
  manifest.subject = row.Text(2);
  manifest.artifact_type = row.Text(3);
  manifest.annotations = row.Text(4);
  manifest.bytes = row.Text(5);
  return manifest;
}

UploadRow ReadUpload(const Query& row) { return {row.String(0), row.String(1), row.Int(2)}; }

// The query was asked for one more than the page holds.
Names Page(Query& query, std::size_t limit) {
  Names page;
  while (query.Step()) {
    if (page.names.size() == limit) {
      page.more = true;
      break;
    }
    page.names.push_back(query.String(0));
  }
  return page;
}

}  // namespace

bool RepositoryExists(Snapshot& s, std::string_view repository) {
  return RepositoryId(s.connection(), repository).has_value();
}

std::optional<ManifestRow> FindManifest(Snapshot& s, std::string_view repository, std::string_view digest) {
  Query query(s.connection(), kManifest, repository, digest);
  if (!query.Step()) return std::nullopt;
  return ReadManifest(query);
}

std::optional<std::string> FindTag(Snapshot& s, std::string_view repository, std::string_view tag) {
  return FirstText(s.connection(), kTag, repository, tag);
}

std::optional<Names> ListTags(Snapshot& s, std::string_view repository, const PageOf& page) {
  const auto id = RepositoryId(s.connection(), repository);
  if (!id) return std::nullopt;
  Query query(s.connection(), kTags, *id, page.last, page.limit + 1);
  return Page(query, page.limit);
}

Names ListRepositories(Snapshot& s, const PageOf& page, std::size_t most) {
  Query query(s.connection(), kRepositories, page.last, most);
  Names found;
  std::size_t looked = 0;
  while (query.Step()) {
    const bool any = query.Int(1) != 0;
    if (any && found.names.size() == page.limit) {
      found.more = true;
      return found;
    }
    if (any) found.names.push_back(query.String(0));
    if (++looked == most) found.unseen = query.String(0);
  }
  return found;
}

std::optional<std::int64_t> FindBlob(Snapshot& s, std::string_view repository, std::string_view digest) {
  return FirstInt(s.connection(), kLinkedBlob, repository, digest);
}

std::optional<std::int64_t> ListReferrers(Snapshot& s, std::string_view repository, std::string_view digest,
                                          std::string_view artifact_type, std::int64_t after,
                                          const std::function<bool(ReferrerRow row)>& take, std::size_t most) {
  Query query(s.connection(), kReferrers, repository, digest, artifact_type, after, most);
  std::size_t looked = 0;
  while (query.Step()) {
    after = query.Int(0);
    ++looked;
    if (query.Int(1) == 0) continue;
    ReferrerRow row;
    row.place = after;
    row.digest = query.Text(2);
    row.media_type = query.Text(3);
    row.artifact_type = query.Text(4);
    row.annotations = query.Text(5);
    row.size = static_cast<std::uint64_t>(query.Int(6));
    if (!take(std::move(row))) return std::nullopt;
  }
  return looked == most ? std::optional(after) : std::nullopt;
}

bool IsReferrer(Snapshot& s, std::string_view repository, std::string_view manifest, std::string_view subject) {
  return Query(s.connection(), kIsReferrer, repository, manifest, subject).Step();
}

void PutUpload(Tx& tx, const UploadRow& upload) {
  Query(tx.connection(), kPutUpload, upload.uuid, upload.repository, upload.started_at).Run();
}

bool DeleteUpload(Tx& tx, std::string_view uuid) { return Changes(tx.connection(), kDeleteUpload, uuid); }

std::optional<UploadRow> FindUpload(Snapshot& s, std::string_view uuid) {
  Query query(s.connection(), kUpload, uuid);
  if (!query.Step()) return std::nullopt;
  return ReadUpload(query);
}

std::vector<UploadRow> UploadsStartedBefore(Snapshot& s, std::int64_t unix_nanos, std::size_t limit,
                                            const std::optional<UploadRow>& after) {
  std::vector<UploadRow> uploads;
  const std::int64_t from = after ? after->started_at : std::numeric_limits<std::int64_t>::min();
  const std::string_view uuid = after ? std::string_view(after->uuid) : std::string_view();
  Query query(s.connection(), kOldUploads, unix_nanos, from, uuid, limit);
  while (query.Step()) uploads.push_back(ReadUpload(query));
  return uploads;
}

bool CatalogIsEmpty(Snapshot& s) { return FirstInt(s.connection(), kAnything) == 0; }

}  // namespace portcall::store
