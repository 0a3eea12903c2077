#include "store/database_look.h"

#include <gmock/gmock.h>

#include <fstream>
#include <map>

#include "store/sqlite/connection.h"
#include "tests/store/fixture.h"

namespace portcall::store {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kLong(60);

class DatabaseLook : public StoreTest {
 protected:
  std::map<std::string, std::pair<std::uintmax_t, fs::file_time_type>> Listing() {
    std::map<std::string, std::pair<std::uintmax_t, fs::file_time_type>> all;
    for (const auto& entry : fs::directory_iterator(dir_.path())) {
      all[entry.path().filename()] = {entry.file_size(), entry.last_write_time()};
    }
    return all;
  }
  void Exec(const char* sql) { Connection(File(), Connection::Mode::kWriter).Exec(sql); }
};

TEST_F(DatabaseLook, AClosedOneIsReadWholeAndNothingIsMade) {
  Open();
  for (int i = 0; i < 3; ++i) AppendOne();
  store_.reset();
  const auto before = Listing();
  EXPECT_FALSE(IsOpenSomewhere(File()));
  const auto sight = LookAtDatabase(File(), false, kLong);
  ASSERT_TRUE(sight) << sight.error().detail;
  EXPECT_EQ(Listing(), before);
  EXPECT_EQ(sight->version, sight->newest);
  EXPECT_TRUE(sight->read_all()) << sight->whole.size() << " of " << sight->trees;
  EXPECT_EQ(static_cast<std::int64_t>(sight->whole.size()), sight->trees);
  EXPECT_EQ(sight->newest_event, clock_.Now().time_since_epoch().count());
}

TEST_F(DatabaseLook, WhatLiesInTheLogIsSeenBesideAServerAndOfAKilledOne) {
  Open();
  for (int i = 0; i < 3; ++i) AppendOne();
  const auto before = Listing();
  const auto beside = LookAtDatabase(File(), true, kLong);
  ASSERT_TRUE(beside) << beside.error().detail;
  EXPECT_EQ(beside->events, 3);
  EXPECT_EQ(Listing(), before);

  const fs::path copy = dir_.path() / "copy";
  fs::create_directory(copy);
  for (const char* suffix : {"", "-wal"}) fs::copy(File() + suffix, (copy / "portcall.db").string() + suffix);
  const auto killed = LookAtDatabase(copy / "portcall.db", false, kLong);
  ASSERT_TRUE(killed) << killed.error().detail;
  EXPECT_EQ(killed->events, 3);
  EXPECT_FALSE(fs::exists(copy / "portcall.db-shm"));
  EXPECT_EQ(fs::file_size(copy / "portcall.db-wal"), fs::file_size(File() + "-wal"));
}

TEST_F(DatabaseLook, TimeThatIsUpIsNoDamage) {
  Open();
  for (int i = 0; i < 3; ++i) AppendOne();
  store_.reset();
  const auto sight = LookAtDatabase(File(), false, std::chrono::seconds(0));
  ASSERT_TRUE(sight) << sight.error().detail;
  EXPECT_FALSE(sight->damage);
  EXPECT_FALSE(sight->read_all());
}

TEST_F(DatabaseLook, AnotherVersionIsToldAndNotRead) {
  Open();
  store_.reset();
  Exec("PRAGMA user_version=99");
  const auto sight = LookAtDatabase(File(), false, kLong);
  ASSERT_TRUE(sight) << sight.error().detail;
  EXPECT_EQ(sight->version, 99);
  EXPECT_LT(sight->newest, 99);
  EXPECT_TRUE(sight->whole.empty());
}

TEST_F(DatabaseLook, DamageIsTold) {
  Open();
  store_.reset();
  Exec(
      "DELETE FROM sqlite_sequence; INSERT INTO cursors "
      "(endpoint,kind,from_seq,through,settled_through,matched,settled,"
      "selection,fingerprint) VALUES ('a',0,9,9,9,0,0,'','')");
  const auto sight = LookAtDatabase(File(), false, kLong);
  ASSERT_TRUE(sight) << sight.error().detail;
  ASSERT_TRUE(sight->damage);
  EXPECT_THAT(sight->damage->detail, HasSubstr("beyond the end of the log"));
  std::ofstream(File()) << std::string(5'000, 'x');
  EXPECT_FALSE(LookAtDatabase(File(), false, kLong));
}

TEST_F(DatabaseLook, NamesWithWhatUrisHaveAreNames) {
  Open();
  AppendOne();
  store_.reset();
  const fs::path odd = dir_.path() / "a%20b?c#d";
  fs::create_directory(odd);
  fs::copy(File(), odd / "portcall.db");
  const auto sight = LookAtDatabase(odd / "portcall.db", false, kLong);
  ASSERT_TRUE(sight) << sight.error().detail;
  EXPECT_EQ(sight->version, sight->newest);
}

}  // namespace
}  // namespace portcall::store
