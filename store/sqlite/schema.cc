#include "store/sqlite/schema.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "runtime/bytes.h"
#include "runtime/files.h"

namespace portcall::store {

namespace {

// A text that is absent is stored empty, never NULL. Hot tables have no foreign keys: their writers keep them
// consistent within one transaction. Wide columns stand last, so that reading the others does not walk overflow pages.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, recorded_at INTEGER NOT NULL, action INTEGER NOT NULL, kind INTEGER NOT NULL,
  size INTEGER NOT NULL, source TEXT NOT NULL, repository TEXT NOT NULL, tag TEXT NOT NULL, id TEXT NOT NULL,
  digest TEXT NOT NULL, media_type TEXT NOT NULL, actor TEXT NOT NULL, details TEXT NOT NULL) STRICT;
CREATE INDEX events_lane ON events (source, repository, seq);

-- What every cursor had passed, a row for each minute in which that grew.
CREATE TABLE marks (at INTEGER PRIMARY KEY, passed_through INTEGER NOT NULL) STRICT;

-- place: the name with '/' before every other byte.
CREATE TABLE repositories (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, place TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE manifests (
  id INTEGER PRIMARY KEY, repository INTEGER NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL,
  subject TEXT NOT NULL, artifact_type TEXT NOT NULL, annotations TEXT NOT NULL, bytes BLOB NOT NULL,
  UNIQUE (repository, digest)) STRICT;
CREATE INDEX manifests_subject ON manifests (repository, subject) WHERE subject <> '';
CREATE TABLE tags (
  repository INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repository, name))
  STRICT, WITHOUT ROWID;
CREATE INDEX tags_digest ON tags (repository, digest);
CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE blob_links (repository INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repository, digest))
  STRICT, WITHOUT ROWID;
CREATE INDEX blob_links_digest ON blob_links (digest);
CREATE TABLE uploads (uuid TEXT PRIMARY KEY, repository TEXT NOT NULL, started_at INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE INDEX uploads_started ON uploads (started_at);

CREATE TABLE endpoints (
  name TEXT PRIMARY KEY, paused INTEGER NOT NULL, reason TEXT NOT NULL, fingerprint TEXT NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE TABLE cursors (
  id INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, kind INTEGER NOT NULL, from_seq INTEGER NOT NULL,
  through INTEGER NOT NULL, settled_through INTEGER NOT NULL, matched INTEGER NOT NULL, settled INTEGER NOT NULL,
  selection TEXT NOT NULL, fingerprint TEXT NOT NULL) STRICT;
CREATE TABLE parked (
  cursor INTEGER NOT NULL, lane TEXT NOT NULL, next_seq INTEGER NOT NULL, attempts INTEGER NOT NULL,
  due INTEGER NOT NULL, first_attempt INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (cursor, lane))
  STRICT, WITHOUT ROWID;
CREATE TABLE dead (
  id INTEGER PRIMARY KEY AUTOINCREMENT, cursor INTEGER NOT NULL, attempts INTEGER NOT NULL, died_at INTEGER NOT NULL,
  bytes INTEGER NOT NULL, endpoint TEXT NOT NULL, seq INTEGER NOT NULL, recorded_at INTEGER NOT NULL,
  action INTEGER NOT NULL, kind INTEGER NOT NULL, size INTEGER NOT NULL, source TEXT NOT NULL,
  repository TEXT NOT NULL, tag TEXT NOT NULL, event_id TEXT NOT NULL, digest TEXT NOT NULL,
  media_type TEXT NOT NULL, actor TEXT NOT NULL, details TEXT NOT NULL, reason TEXT NOT NULL, answer TEXT NOT NULL,
  through INTEGER NOT NULL, events INTEGER NOT NULL) STRICT;
CREATE INDEX dead_endpoint ON dead (endpoint, id);
CREATE INDEX dead_ranges ON dead (cursor, id) WHERE through <> 0;
-- One row: what all dead letters take, so that keeping the bound needs no scan.
CREATE TABLE dead_size (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL) STRICT;
INSERT INTO dead_size VALUES (1, 0);
CREATE TABLE attempts (
  id INTEGER PRIMARY KEY, cursor INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, events INTEGER NOT NULL,
  attempt INTEGER NOT NULL, delivered INTEGER NOT NULL, status INTEGER NOT NULL, latency_us INTEGER NOT NULL,
  error TEXT NOT NULL) STRICT;
CREATE INDEX attempts_seq ON attempts (cursor, seq);
)sql";

constexpr const char* kReceipts = "ALTER TABLE cursors ADD COLUMN receipt TEXT NOT NULL DEFAULT ''";

// `age` counts only time in which the event could be delivered, which cannot be told from first_attempt: it begins at
// 0 for waiting events. The old first_attempt stands in for recorded_at until the row is written again.
constexpr const char* kAges = R"sql(
ALTER TABLE parked RENAME COLUMN first_attempt TO recorded_at;
ALTER TABLE parked ADD COLUMN age INTEGER NOT NULL DEFAULT 0;
)sql";

// Deleting asks for the first event of each cursor's lanes. The table has at most `maxparked` rows for an endpoint.
constexpr const char* kFirstParked = "CREATE INDEX parked_next ON parked (cursor, next_seq)";

constexpr const char* kHolders = R"sql(
ALTER TABLE cursors ADD COLUMN holder INTEGER NOT NULL DEFAULT 1;
ALTER TABLE cursors ADD COLUMN settlements INTEGER NOT NULL DEFAULT 0;
)sql";

constexpr const char* kPaces = "ALTER TABLE cursors ADD COLUMN pace TEXT NOT NULL DEFAULT ''";

// What older programs appended lies before the first sum. Attempts have an upper bound, so they can be added up here.
constexpr const char* kSums = R"sql(
CREATE TABLE log_sums (through INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;
INSERT INTO log_sums SELECT seq, 0 FROM sqlite_sequence WHERE name='events';
-- One row, as dead_size.
CREATE TABLE attempts_size (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL) STRICT;
INSERT INTO attempts_size SELECT 1, coalesce(sum(80 + length(CAST(error AS BLOB))), 0) FROM attempts;
)sql";

// A parked lane of a tag is read without its repository's other events. Probes do not count towards maxretries.
constexpr const char* kTagLanes = R"sql(
CREATE INDEX events_tag ON events (source, repository, tag, seq) WHERE tag <> '';
ALTER TABLE parked ADD COLUMN probes INTEGER NOT NULL DEFAULT 0;
)sql";

// By blocks of the log, so that what is appended, and what is deleted, touches the same few pages however many events,
// repositories and tags there are. An index's entry ends with its seq anyway.
constexpr const char* kBlocks = R"sql(
DROP INDEX events_lane;
DROP INDEX events_tag;
ALTER TABLE events ADD COLUMN block INTEGER NOT NULL GENERATED ALWAYS AS (seq >> 13) VIRTUAL;
CREATE INDEX events_lane ON events (block, source, repository);
CREATE INDEX events_tag ON events (block, source, repository, tag) WHERE tag <> '';
)sql";

// Older programs told their own rows by the reason, which others may write.
constexpr const char* kTrials = R"sql(
ALTER TABLE parked ADD COLUMN started INTEGER NOT NULL DEFAULT 0;
ALTER TABLE parked ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
UPDATE parked SET started=1 WHERE reason='started';
)sql";

// Some databases of the version before have the column already, which no statement can ask for.
constexpr const char* kStreaks = R"sql(
ALTER TABLE parked RENAME TO parked_before;
CREATE TABLE parked (
  cursor INTEGER NOT NULL, lane TEXT NOT NULL, next_seq INTEGER NOT NULL, attempts INTEGER NOT NULL,
  due INTEGER NOT NULL, recorded_at INTEGER NOT NULL, reason TEXT NOT NULL, age INTEGER NOT NULL,
  probes INTEGER NOT NULL, started INTEGER NOT NULL, refused INTEGER NOT NULL, streak INTEGER NOT NULL,
  PRIMARY KEY (cursor, lane)) STRICT, WITHOUT ROWID;
INSERT INTO parked SELECT cursor,lane,next_seq,attempts,due,recorded_at,reason,age,probes,started,refused,0
  FROM parked_before;
DROP TABLE parked_before;
CREATE INDEX parked_next ON parked (cursor, next_seq);
)sql";

// Since when an endpoint is paused.
constexpr const char* kPauses = "ALTER TABLE endpoints ADD COLUMN since INTEGER NOT NULL DEFAULT 0";

// What became of an event: each that a row of attempts stands for, the filters that events were judged with, dead
// letters by their event, and whose the attempts of cursors are that are gone.
constexpr const char* kHistory = R"sql(
ALTER TABLE attempts ADD COLUMN settled BLOB NOT NULL DEFAULT x'';
CREATE INDEX attempts_settled ON attempts (cursor, seq) WHERE settled<>x'';
CREATE INDEX dead_seq ON dead (seq);
CREATE INDEX dead_event ON dead (event_id);
CREATE TABLE filters (
  cursor INTEGER NOT NULL, after_seq INTEGER NOT NULL, fingerprint TEXT NOT NULL, PRIMARY KEY (cursor, after_seq))
  STRICT, WITHOUT ROWID;
CREATE TABLE dropped (cursor INTEGER PRIMARY KEY, endpoint TEXT NOT NULL) STRICT;
)sql";

// What is appended again, and for whom.
constexpr const char* kRetrials = R"sql(
ALTER TABLE events ADD COLUMN retrial TEXT NOT NULL DEFAULT '';
ALTER TABLE dead ADD COLUMN retrial TEXT NOT NULL DEFAULT '';
)sql";

constexpr std::array kMigrations{
    Migration{kVersion1}, Migration{kReceipts}, Migration{kAges},     Migration{kFirstParked}, Migration{kHolders},
    Migration{kPaces},    Migration{kSums},     Migration{kTagLanes}, Migration{kBlocks},      Migration{kTrials},
    Migration{kStreaks},  Migration{kPauses},   Migration{kHistory},  Migration{kRetrials}};
constexpr std::int64_t kRowsBeforeServing = 1'000;  // in a transaction

constexpr std::array kTables{"meta",     "events",        "marks",      "repositories", "manifests",
                             "tags",     "blobs",         "blob_links", "uploads",      "endpoints",
                             "cursors",  "parked",        "dead",       "dead_size",    "attempts",
                             "log_sums", "attempts_size", "filters",    "dropped"};

// How far the slices of a version came: a row of `meta`, from the version's transaction until they are done.
std::string ProgressOf(std::int64_t version) { return "slice." + std::to_string(version); }

template <class F>
void InTransaction(Connection& connection, F f) {
  connection.Exec("BEGIN IMMEDIATE");
  try {
    f();
    connection.Exec("COMMIT");
  } catch (...) {
    if (connection.in_transaction()) connection.Exec("ROLLBACK");
    throw;
  }
}

void Upgrade(Connection& connection, const Migration& migration, std::int64_t version) {
  InTransaction(connection, [&] {
    connection.Exec(migration.sql);
    if (migration.slice != nullptr) {
      connection.Exec(("INSERT INTO meta VALUES ('" + ProgressOf(version) + "', '0')").c_str());
    }
    if (version == 1) {
      connection.Exec(("PRAGMA application_id=" + std::to_string(kApplicationId)).c_str());
      // A log that is begun anew, also from a backup, has another epoch: cursors kept elsewhere can tell.
      connection.Exec(("INSERT INTO meta VALUES ('epoch', '" + runtime::UuidV4() + "')").c_str());
    }
    connection.Exec(("PRAGMA user_version=" + std::to_string(version)).c_str());
  });
}

// The last key that the slice changed, 0: it came to the end.
std::int64_t ChangeRows(Connection& connection, const char* slice, std::int64_t after, std::int64_t rows) {
  sqlite3_stmt* statement = nullptr;
  errno = 0;
  if (sqlite3_prepare_v2(connection.handle(), slice, -1, &statement, nullptr) != SQLITE_OK) connection.Fail(slice);
  sqlite3_bind_int64(statement, 1, after);
  sqlite3_bind_int64(statement, 2, rows);
  std::int64_t last = 0, changed = 0;
  int rc = sqlite3_step(statement);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(statement)) {
    last = std::max<std::int64_t>(last, sqlite3_column_int64(statement, 0));
    ++changed;
  }
  if (sqlite3_finalize(statement) != SQLITE_OK) connection.Fail(slice);
  return changed < rows ? 0 : last;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted + "'";
}

std::string BackupOf(const std::filesystem::path& file, std::int64_t version) {
  return file.string() + ".backup-v" + std::to_string(version);
}

// Whether the copy that lies there is of what the database holds, as an upgrade that was interrupted leaves it. Who
// went back to the older program has a copy of then, which is written anew. Each change of the catalog is an event.
bool IsBackedUp(Connection& connection, const std::string& backup) {
  if (!std::filesystem::exists(backup)) return false;
  constexpr const char* kEvents = "SELECT seq FROM sqlite_sequence WHERE name='events'";
  constexpr const char* kVersion = "PRAGMA user_version";
  try {
    Connection copy(backup, Connection::Mode::kReader);
    return copy.Number(kVersion) == connection.Number(kVersion) && copy.Number(kEvents) == connection.Number(kEvents);
  } catch (const DatabaseError&) {
    return false;
  }
}

// Complete under its name or not there: what an interrupted copy left behind is written anew.
void BackUp(Connection& connection, const std::filesystem::path& file, std::int64_t version) {
  const std::string backup = BackupOf(file, version);
  if (IsBackedUp(connection, backup)) return;
  const std::string part = backup + ".part";
  std::filesystem::remove(part);
  try {
    connection.Exec(("VACUUM INTO " + Quoted(part)).c_str());
  } catch (const DatabaseError&) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);  // the disk may be full of it
    throw;
  }
  std::filesystem::rename(part, backup);
  if (auto synced = runtime::SyncFolder(std::filesystem::absolute(file).parent_path()); !synced) {
    throw DatabaseError(SQLITE_IOERR, 0, synced.error().detail);
  }
}

// What an upgrade may take beside the database: the copy; then, of each index that it makes, the sorted entries, at
// times twice, and the write-ahead log. Indexes of the log are less than half of it.
std::uint64_t RoomFor(Connection& connection, const std::filesystem::path& file, std::int64_t version) {
  const auto size =
      static_cast<std::uint64_t>(connection.Number("PRAGMA page_count") * connection.Number("PRAGMA page_size"));
  return IsBackedUp(connection, BackupOf(file, version)) ? size : 2 * size;
}

std::string MiB(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

// While it lives, what the engine sorts goes to files in the database's folder: in memory it would be as large as the
// index. They have no name there, so that a crash leaves nothing behind. The folder is the whole process's; no other
// connection sorts in files.
class SortingInFiles {
 public:
  SortingInFiles(Connection& connection, const std::filesystem::path& folder) : connection_(connection) {
    connection.Exec(("PRAGMA temp_store=FILE; PRAGMA temp_store_directory=" + Quoted(folder.string())).c_str());
  }
  ~SortingInFiles() {
    sqlite3_exec(connection_.handle(), "PRAGMA temp_store_directory=''; PRAGMA temp_store=MEMORY", nullptr, nullptr,
                 nullptr);
  }
  SortingInFiles(const SortingInFiles&) = delete;
  SortingInFiles& operator=(const SortingInFiles&) = delete;

 private:
  Connection& connection_;
};

}  // namespace

bool RunSlice(Connection& connection, std::span<const Migration> migrations, std::int64_t rows) {
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    if (migrations[i].slice == nullptr) continue;
    const std::string progress = ProgressOf(static_cast<std::int64_t>(i) + 1);
    const std::string after = connection.Text("SELECT value FROM meta WHERE key='" + progress + "'");
    if (after.empty()) continue;
    const std::int64_t last = ChangeRows(connection, migrations[i].slice, std::stoll(after), rows);
    const std::string where = " WHERE key='" + progress + "'";
    connection.Exec(last == 0 ? ("DELETE FROM meta" + where).c_str()
                              : ("UPDATE meta SET value='" + std::to_string(last) + "'" + where).c_str());
    return true;
  }
  return false;
}

bool HasSlicesLeft(Connection& connection, std::span<const Migration> migrations) {
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    if (migrations[i].slice == nullptr) continue;
    const std::string progress = ProgressOf(static_cast<std::int64_t>(i) + 1);
    if (connection.Number(("SELECT count(*) FROM meta WHERE key='" + progress + "'").c_str()) > 0) return true;
  }
  return false;
}

std::span<const Migration> Migrations() { return kMigrations; }
std::span<const char* const> Tables() { return kTables; }

Result<void> Migrate(Connection& connection, const std::filesystem::path& file, std::span<const Migration> migrations,
                     std::uint64_t room) {
  const std::int64_t application = connection.Number("PRAGMA application_id");
  const std::int64_t version = connection.Number("PRAGMA user_version");
  const auto newest = static_cast<std::int64_t>(migrations.size());
  const bool empty = connection.Number("SELECT count(*) FROM sqlite_schema") == 0;
  if (application != kApplicationId && !(application == 0 && version == 0 && empty)) {
    return Error(Errc::kInvalid, file.string() + " is another program's database; set store.path to another file");
  }
  if (version > newest) {
    return Error(Errc::kInvalid, file.string() + " has schema version " + std::to_string(version) +
                                     ", this program knows up to " + std::to_string(newest) +
                                     "; start the newer program, or restore the backup made before its upgrade");
  }
  if (version == newest) return {};
  if (const std::uint64_t wanted = version > 0 ? RoomFor(connection, file, version) : 0; room < wanted) {
    return Error(Errc::kNoSpace, file.string() + " has schema version " + std::to_string(version) +
                                     "; its upgrade to version " + std::to_string(newest) + " takes up to " +
                                     MiB(wanted) + " of its volume for a while, and " + MiB(room) +
                                     " are free: free space there, or start the older program");
  }
  const SortingInFiles sorting(connection, std::filesystem::absolute(file).parent_path());
  if (version > 0 && version < newest) BackUp(connection, file, version);
  for (std::int64_t next = version + 1; next <= newest; ++next) {
    for (bool more = next > 1; more;) {
      InTransaction(connection, [&] { more = RunSlice(connection, migrations, kRowsBeforeServing); });
    }
    Upgrade(connection, migrations[static_cast<std::size_t>(next - 1)], next);
    // One version's changes at most lie in the write-ahead log.
    if (version > 0) connection.Exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  return {};
}

}  // namespace portcall::store
