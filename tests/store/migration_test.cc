#include <gmock/gmock.h>
#include <sqlite3.h>

#include <fstream>
#include <set>

#include "store/attempts.h"
#include "store/endpoints.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/slices.h"
#include "tests/store/fixture.h"

namespace portcall::store {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MigrationTest : public StoreTest {
 protected:
  // A database with `events` events in it, closed.
  void Make(int events) {
    Open();
    Write([&](Tx& tx) {
      for (int i = 0; i < events; ++i) Append(tx, EventOf("library/app"));
    });
    store_.reset();
  }
  // One of those that stand in databases/.
  void Restore(int version) {
    std::ifstream in(std::string(PORTCALL_DATABASES) + "/v" + std::to_string(version) + ".sql");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    ASSERT_FALSE(text.empty()) << "every version has its database: see databases/";
    Connection(File(), Connection::Mode::kWriter).Exec(text.c_str());
  }
  static std::string SchemaOf(const fs::path& file) {
    Connection connection(file, Connection::Mode::kReader);
    return connection.Text(
        "SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)");
  }
};

TEST_F(MigrationTest, MigratesAfterABackup) {
  Make(3);
  Connection connection(File(), Connection::Mode::kWriter);
  std::vector<Migration> migrations(Migrations().begin(), Migrations().end());
  const std::string backup = File() + ".backup-v" + std::to_string(migrations.size());
  migrations.push_back({"ALTER TABLE events ADD COLUMN fresh INTEGER NOT NULL DEFAULT 5"});
  std::ofstream(backup + ".part") << "what an interrupted copy left behind";
  ASSERT_TRUE(Migrate(connection, File(), migrations));
  EXPECT_FALSE(fs::exists(backup + ".part"));
  EXPECT_EQ(connection.Number("SELECT sum(fresh) FROM events"), 15);
  EXPECT_EQ(connection.Number("PRAGMA user_version"), static_cast<std::int64_t>(migrations.size()));
  ASSERT_TRUE(fs::exists(backup));
  Connection old(backup, Connection::Mode::kWriter);
  EXPECT_EQ(old.Number("SELECT count(*) FROM events"), 3);
  EXPECT_EQ(old.Number("PRAGMA user_version"), static_cast<std::int64_t>(migrations.size()) - 1);
}

TEST_F(MigrationTest, WhatWaitedInAnOlderDatabaseBeginsToAgeAnew) {
  {
    Connection connection(File(), Connection::Mode::kWriter);
    ASSERT_TRUE(Migrate(connection, File(), Migrations().first(1)));
    connection.Exec(
        "INSERT INTO parked (cursor, lane, next_seq, attempts, due, first_attempt, reason)"
        " VALUES (7, 'library/app', 3, 5, 2000, 1000, '503'), (7, '*', 4, 0, 2000, 1500, 'in flight'),"
        " (7, '\nsent', 5, 0, 2000, 1500, 'started')");
  }
  Open();
  const auto lanes = Read([](Snapshot& s) { return LoadParked(s, 7); });
  ASSERT_EQ(lanes.size(), 3u);
  EXPECT_EQ(lanes[0].lane, "library/app");
  EXPECT_EQ(lanes[0].next_seq, 3);
  EXPECT_EQ(lanes[0].attempts, 5);
  EXPECT_EQ(lanes[0].due, 2000);
  EXPECT_EQ(lanes[0].age, 0);
  EXPECT_EQ(lanes[0].recorded_at, 1000);
  EXPECT_EQ(lanes[0].reason, "503");
  EXPECT_EQ(lanes[1].age, 0);
  EXPECT_FALSE(lanes[0].started || lanes[1].started);
  EXPECT_TRUE(lanes[2].started) << "an older program told it by the reason";
}

TEST_F(MigrationTest, AFailedMigrationLeavesTheOldVersion) {
  Make(3);
  {
    Connection connection(File(), Connection::Mode::kWriter);
    std::vector<Migration> migrations(Migrations().begin(), Migrations().end());
    migrations.push_back({"DELETE FROM events; SELECT nonsense FROM nowhere"});
    EXPECT_THROW((void)Migrate(connection, File(), migrations), DatabaseError);
  }
  Open();
  EXPECT_EQ(Read([](Snapshot& s) { return SizeOf(s); }).events, 3);
}

// Where files that are open in this process lie, though they have no name any more.
std::vector<std::string> NamelessFiles() {
  std::vector<std::string> found;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    const std::string file = fs::read_symlink(entry.path(), gone).string();
    if (!gone && file.ends_with(" (deleted)")) found.push_back(file);
  }
  return found;
}

// What an index is made of is sorted in files beside the database: a server with little memory can be upgraded, and a
// crash leaves nothing behind.
TEST_F(MigrationTest, ALongLogIsUpgradedInLittleMemory) {
  Restore(8);
  Connection connection(File(), Connection::Mode::kWriter);
  connection.Exec(
      "INSERT INTO events (recorded_at,action,kind,size,source,repository,tag,id,digest,media_type,actor,details)"
      " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 150000)"
      " SELECT 7,0,1,0,'',printf('%0*d',400,(i*7919)%5003),'v1','0193f0a0-0000-7000-8000-000000000003','','','','{}'"
      " FROM n");
  std::set<fs::path> folders;
  const auto look = [](void* into) {
    for (const std::string& file : NamelessFiles())
      static_cast<std::set<fs::path>*>(into)->insert(fs::path(file).parent_path());
    return 0;
  };
  sqlite3_progress_handler(connection.handle(), 100'000, look, &folders);
  sqlite3_memory_highwater(1);
  ASSERT_TRUE(Migrate(connection, File(), Migrations()));
  EXPECT_LT(sqlite3_memory_highwater(0), 48 << 20);
  EXPECT_THAT(folders, ElementsAre(dir_.path()));
  EXPECT_EQ(connection.Number("SELECT count(*) FROM events"), 150'010);
  EXPECT_EQ(connection.Number("PRAGMA temp_store"), 2) << "queries sort in memory";
  EXPECT_LT(fs::file_size(File() + "-wal"), 16u << 20) << "what the upgrade has written went into the file";
}

TEST_F(MigrationTest, WithoutRoomForAnUpgradeNothingIsTouched) {
  Restore(8);
  Connection connection(File(), Connection::Mode::kWriter);
  const std::uint64_t size = fs::file_size(File());
  const auto migrated = Migrate(connection, File(), Migrations(), 2 * size - 1);
  ASSERT_FALSE(migrated);
  EXPECT_EQ(migrated.error().code, Errc::kNoSpace);
  EXPECT_THAT(migrated.error().detail, AllOf(HasSubstr("free space there"), HasSubstr("schema version 8")));
  EXPECT_EQ(connection.Number("PRAGMA user_version"), 8);
  EXPECT_FALSE(fs::exists(File() + ".backup-v8"));
  EXPECT_TRUE(Migrate(connection, File(), Migrations(), 2 * size));
}

TEST_F(MigrationTest, WithABackupAnUpgradeTakesLess) {
  Restore(8);
  Connection connection(File(), Connection::Mode::kWriter);
  connection.Exec(("VACUUM INTO '" + File() + ".backup-v8'").c_str());
  const std::uint64_t size = fs::file_size(File());
  EXPECT_FALSE(Migrate(connection, File(), Migrations(), size - 1));
  EXPECT_TRUE(Migrate(connection, File(), Migrations(), size));
}

// Who went back to the older program by it, and upgrades again, would go back to then.
TEST_F(MigrationTest, ABackupOfAnEarlierUpgradeIsWrittenAnew) {
  Restore(8);
  const std::string backup = File() + ".backup-v8";
  Connection connection(File(), Connection::Mode::kWriter);
  connection.Exec(("VACUUM INTO '" + backup + "'").c_str());
  connection.Exec(
      "INSERT INTO events (recorded_at,action,kind,size,source,repository,tag,id,digest,media_type,actor,details)"
      " VALUES (7,0,1,0,'','library/later','v1','0193f0a0-0000-7000-8000-000000000003','','','','')");
  ASSERT_TRUE(Migrate(connection, File(), Migrations()));
  Connection copy(backup, Connection::Mode::kReader);
  EXPECT_EQ(copy.Number("SELECT count(*) FROM events WHERE repository='library/later'"), 1);
  EXPECT_EQ(copy.Number("PRAGMA user_version"), 8);
}

// The rows that an older program left have no sums.
TEST_F(MigrationTest, TheSizeOfWhatAnOlderProgramAppendedIsEstimated) {
  constexpr int kOld = 1'000, kNew = 300;
  {
    Connection connection(File(), Connection::Mode::kWriter);
    ASSERT_TRUE(Migrate(connection, File(), Migrations().first(6)));
    connection.Exec(
        "INSERT INTO events (recorded_at,action,kind,size,source,repository,tag,id,digest,media_type,actor,details)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 1000)"
        " SELECT 7,0,1,0,'','library/app','v1','0193f0a0-0000-7000-8000-000000000003','','','',printf('%2000d',i)"
        " FROM n");
  }
  Open();
  const auto bytes = [this] { return Read([](Snapshot& s) { return SizeOf(s); }).bytes; };
  const std::int64_t old = bytes();
  EXPECT_GT(old, kOld * 2'000);
  EXPECT_LT(old, kOld * 3'000);
  Write([](Tx& tx) {
    for (int i = 0; i < kNew; ++i) Append(tx, EventOf("library/app"));
  });
  const std::int64_t both = bytes();
  EXPECT_GT(both - old, kNew * 200);
  EXPECT_EQ(Forget(kOld), 1'000u);
  EXPECT_EQ(bytes(), both - old);
}

TEST_F(MigrationTest, AColumnThatSomeHaveAlreadyIsNoTrouble) {
  Restore(10);
  Connection(File(), Connection::Mode::kWriter)
      .Exec("ALTER TABLE parked ADD COLUMN streak INTEGER NOT NULL DEFAULT 0; UPDATE parked SET streak=7");
  Open();
  const auto parked = Read([](Snapshot& s) { return LoadParked(s, 1); });
  ASSERT_EQ(parked.size(), 1u);
  EXPECT_EQ(parked[0].next_seq, 7);
}

class KeptDatabaseTest : public MigrationTest, public ::testing::WithParamInterface<int> {};

// What a database of an older version holds is there afterwards, and goes on from where it was.
TEST_P(KeptDatabaseTest, KeepsWhatItHolds) {
  Restore(GetParam());
  Open();
  const bool older = static_cast<std::size_t>(GetParam()) < Migrations().size();
  EXPECT_EQ(fs::exists(File() + ".backup-v" + std::to_string(GetParam())), older);
  EXPECT_EQ(Read([](Snapshot& s) { return Head(s); }), 12);
  const auto events = Read([](Snapshot& s) { return ReadEvents(s, 0, 100, {100}).events; });
  ASSERT_EQ(events.size(), 10u);
  EXPECT_EQ(events[6]->seq, 9);
  EXPECT_EQ(events[6]->source, "relay");
  EXPECT_EQ(events[6]->repository, "library/app");
  EXPECT_EQ(events[6]->details, R"({"request_id":"r1"})");
  EXPECT_EQ(*Read([](Snapshot& s) { return FindTag(s, "library/app", "v2"); }), "sha256:" + std::string(64, 'e'));
  EXPECT_EQ(Read([&](Snapshot& s) { return FindManifest(s, "library/app", "sha256:" + std::string(64, 'e')); })->bytes,
            "{}\n");
  EXPECT_EQ(Read([](Snapshot& s) { return FindBlob(s, "library/app", "sha256:b"); }), 42);
  EXPECT_EQ(Read([](Snapshot& s) { return FindUpload(s, "u1"); })->repository, "library/app");
  EXPECT_TRUE(Read([](Snapshot& s) { return FindEndpoint(s, "ci"); })->paused);
  const auto cursors = Read([](Snapshot& s) { return LoadCursors(s); });
  ASSERT_EQ(cursors.size(), 2u);
  EXPECT_EQ(cursors[0].settled_through, 9);
  EXPECT_EQ(cursors[0].matched - cursors[0].settled, 4);
  EXPECT_EQ(cursors[0].receipt, GetParam() >= 2 ? "17 records" : "");
  EXPECT_EQ(cursors[0].settlements, GetParam() >= 5 ? 3 : 0);
  EXPECT_EQ(cursors[1].kind, CursorKind::kRemoved);
  const auto parked = Read([](Snapshot& s) { return LoadParked(s, 1); });
  ASSERT_EQ(parked.size(), 1u);
  EXPECT_EQ(parked[0].next_seq, 7);
  EXPECT_EQ(parked[0].attempts, 5);
  EXPECT_EQ(parked[0].age, GetParam() >= 3 ? 900 : 0);
  const auto dead = Read([](Snapshot& s) { return ListDead(s, "hook", 0, 10); });
  ASSERT_EQ(dead.size(), 2u);
  EXPECT_EQ(dead[1].events, 3);
  EXPECT_EQ(Read([](Snapshot& s) { return ListAttempts(s, 1, 7, 10)->size(); }), 1u);
  EXPECT_EQ(Read([](Snapshot& s) { return ListAttempts(s, 1, 2, 10)->size(); }), GetParam() >= 13 ? 1u : 0u);
  EXPECT_EQ(Read([](Snapshot& s) { return BytesOfAttempts(s); }), GetParam() >= 13 ? 170 : 83);
  EXPECT_TRUE(store_->CheckIntegrity([] { return false; }));

  EXPECT_EQ(AppendOne(), 13);
  Settlement settlement;
  settlement.cursor = 1;
  settlement.number = cursors[0].settlements + 1;
  settlement.settled_through = 10;
  settlement.through = 12;
  EXPECT_TRUE(store_->WriteNow([&](Tx& tx) { return Settle(tx, settlement); }));
  EXPECT_EQ(Write([](Tx& tx) { return DeleteUnneeded(tx, {}, {100}).events; }),
            3u);  // 3 to 5: 6 to 8 are the removed one's
}

TEST_P(KeptDatabaseTest, HasTheSchemaOfANewOneAfterwards) {
  Restore(GetParam());
  Open();
  store_.reset();
  StoreOptions options = Options();
  options.database = dir_.path() / "new.db";
  Open(options);
  store_.reset();
  EXPECT_EQ(SchemaOf(File()), SchemaOf(options.database));
  const bool older = GetParam() < static_cast<int>(Migrations().size());
  EXPECT_EQ(fs::exists(File() + ".backup-v" + std::to_string(GetParam())), older);
}

INSTANTIATE_TEST_SUITE_P(EveryVersion, KeptDatabaseTest,
                         ::testing::Range(1, static_cast<int>(Migrations().size()) + 1));

// A migration of a large table: the events' actors in capitals.
constexpr Migration kCapitals{"CREATE TABLE sliced (rows INTEGER NOT NULL) STRICT",
                              "UPDATE events SET actor=upper(actor)||'!' WHERE seq IN"
                              " (SELECT seq FROM events WHERE seq>?1 ORDER BY seq LIMIT ?2) RETURNING seq"};

class SliceTest : public MigrationTest {
 protected:
  SliceTest() : migrations_(Migrations().begin(), Migrations().end()) { migrations_.push_back(kCapitals); }
  static std::int64_t Capitals(Connection& connection) {
    return connection.Number("SELECT count(*) FROM events WHERE actor='ALICE!'");
  }
  static bool Step(Connection& connection, const std::vector<Migration>& migrations, std::int64_t rows) {
    connection.Exec("BEGIN IMMEDIATE");
    const bool more = RunSlice(connection, migrations, rows);
    connection.Exec("COMMIT");
    return more;
  }
  std::vector<Migration> migrations_;
};

TEST_F(SliceTest, ALargeTableIsChangedInSlicesThatGoOnWhereTheyWere) {
  Make(10);
  {
    Connection connection(File(), Connection::Mode::kWriter);
    ASSERT_TRUE(Migrate(connection, File(), migrations_));
    EXPECT_EQ(Capitals(connection), 0) << "the start does not wait for it";
    EXPECT_TRUE(Step(connection, migrations_, 4));
    EXPECT_EQ(Capitals(connection), 4);
  }
  Connection connection(File(), Connection::Mode::kWriter);
  ASSERT_TRUE(Migrate(connection, File(), migrations_));
  EXPECT_TRUE(Step(connection, migrations_, 4));
  EXPECT_EQ(Capitals(connection), 8) << "no row was changed twice";
  EXPECT_TRUE(Step(connection, migrations_, 4));
  EXPECT_EQ(Capitals(connection), 10);
  EXPECT_FALSE(Step(connection, migrations_, 4));
  EXPECT_EQ(connection.Number("SELECT count(*) FROM meta"), 1);
}

TEST_F(SliceTest, ASliceThatIsUndoneIsDoneAgain) {
  Make(10);
  Connection connection(File(), Connection::Mode::kWriter);
  ASSERT_TRUE(Migrate(connection, File(), migrations_));
  connection.Exec("BEGIN IMMEDIATE");
  EXPECT_TRUE(RunSlice(connection, migrations_, 4));
  connection.Exec("ROLLBACK");
  while (Step(connection, migrations_, 4)) {
  }
  EXPECT_EQ(Capitals(connection), 10);
}

TEST_F(SliceTest, WhatIsLeftIsDoneBeforeTheNextVersion) {
  Make(10);
  Connection connection(File(), Connection::Mode::kWriter);
  ASSERT_TRUE(Migrate(connection, File(), migrations_));
  EXPECT_TRUE(Step(connection, migrations_, 4));
  migrations_.push_back({"INSERT INTO sliced SELECT count(*) FROM events WHERE actor='ALICE!'"});
  ASSERT_TRUE(Migrate(connection, File(), migrations_));
  EXPECT_EQ(connection.Number("SELECT rows FROM sliced"), 10);
}

TEST_F(SliceTest, TheWriterDoesThemBehindEverythingElse) {
  Make(1'000);
  auto connection = std::make_unique<Connection>(File(), Connection::Mode::kWriter);
  ASSERT_TRUE(Migrate(*connection, File(), migrations_));
  Trust trust([](const std::string&) {});
  Readers readers(File(), 1, trust);
  Listeners listeners;
  {
    Writer writer(std::move(connection), readers, trust, listeners, Options(), 0);
    Slices slices(writer, migrations_);
    slices.Start();
    Connection reader(File(), Connection::Mode::kReader);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (Capitals(reader) < 1'000) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::yield();
    }
    writer.Close();
  }
  EXPECT_FALSE(trust.lost());
}

}  // namespace
}  // namespace portcall::store
