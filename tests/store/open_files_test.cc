#include "store/sqlite/open_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/fsuid.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include "store/sqlite/check.h"
#include "tests/store/fixture.h"

namespace portcall::store {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// This thread has no rights to the folder, whoever runs the tests.
class ClosedFolder {
 public:
  explicit ClosedFolder(fs::path folder) : folder_(std::move(folder)) {
    fs::permissions(folder_, fs::perms::none);
    was_ = static_cast<uid_t>(::setfsuid(65'534));
  }
  ClosedFolder(const ClosedFolder&) = delete;
  ClosedFolder& operator=(const ClosedFolder&) = delete;
  ~ClosedFolder() {
    ::setfsuid(was_);
    fs::permissions(folder_, fs::perms::owner_all);
  }

 private:
  const fs::path folder_;
  uid_t was_ = 0;
};

TEST(WatchedFilesTest, WhatCannotBeLookedAtIsNotTakenForRemoved) {
  const portcall::testing::TempDir dir;
  const fs::path file = dir.path() / "portcall.db";
  Connection connection(file, Connection::Mode::kWriter);
  connection.Exec("CREATE TABLE t (x)");  // now there is a log beside it
  const OpenFiles files(connection);
  EXPECT_EQ(files.WhyDatabaseGone(), std::nullopt);
  {
    const ClosedFolder closed(dir.path());
    EXPECT_EQ(files.WhyDatabaseGone(), file.string() + " cannot be looked at (Permission denied)");
    EXPECT_EQ(files.WhyLogGone(), std::nullopt) << "what cannot be had back would end the process";
  }
  EXPECT_EQ(files.WhyDatabaseGone(), std::nullopt);
  EXPECT_EQ(files.WhyLogGone(), std::nullopt);
  fs::remove(file.string() + "-wal");
  EXPECT_THAT(files.WhyLogGone().value_or(""), HasSubstr("-wal was removed"));
  fs::remove(file);
  EXPECT_THAT(files.WhyDatabaseGone().value_or(""), HasSubstr("was removed"));
}

// A database of some hundred pages, all of them moved to its file.
struct Filled {
  Filled() {
    connection.Exec("CREATE TABLE t (x); PRAGMA cache_size=10");
    Grow(100);
    connection.Exec("PRAGMA wal_checkpoint(TRUNCATE)");
    Grow(1);  // so that the log has begun anew
    files.emplace(connection);
  }
  void Grow(int pages) {
    for (int i = 0; i < pages; ++i) connection.Exec("INSERT INTO t VALUES (randomblob(4000))");
  }
  std::optional<OpenFiles::Fault> Look() { return files->Look(); }
  void Compact() {
    Connection other(file, Connection::Mode::kWriter);
    other.Exec("DELETE FROM t; VACUUM; PRAGMA wal_checkpoint(PASSIVE)");
  }

  const portcall::testing::TempDir dir;
  const fs::path file = dir.path() / "portcall.db";
  Connection connection{file, Connection::Mode::kWriter};
  std::optional<OpenFiles> files;
};

TEST(WatchedFilesTest, ACutIsSeenAlsoWhereTheLogHasMoreThanWasCutOff) {
  Filled it;
  it.Grow(20);
  ASSERT_FALSE(it.Look());
  fs::resize_file(it.file, fs::file_size(it.file) - 2 * 4096);
  const auto fault = it.Look();
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, OpenFiles::Fault::Kind::kCut);
  EXPECT_THAT(fault->text, HasSubstr(it.file.string() + " was cut to "));
}

TEST(WatchedFilesTest, WhoeverCompactsTheDatabaseDoesNotCutIt) {
  for (const int grown : {0, 5}) {
    Filled it;
    ASSERT_FALSE(it.Look());
    const auto before = fs::file_size(it.file);
    it.Compact();
    it.Grow(grown);  // between two looks
    ASSERT_LT(fs::file_size(it.file), before);
    EXPECT_FALSE(it.Look()) << grown;
    it.Grow(40);
    EXPECT_FALSE(it.Look()) << grown;
  }
}

TEST(WatchedFilesTest, WhatIsWrittenBehindSomebodyWhoCompactsItHidesThatNot) {
  Filled it;
  ASSERT_FALSE(it.Look());
  {
    Connection other(it.file, Connection::Mode::kWriter);
    other.Exec("DELETE FROM t WHERE rowid<=3; VACUUM; PRAGMA wal_checkpoint(PASSIVE)");
  }
  it.connection.Exec("BEGIN IMMEDIATE");
  it.files->SeePages();
  it.connection.Exec("COMMIT");
  it.Grow(40);  // more than was saved
  EXPECT_FALSE(it.Look());
}

TEST(WatchedFilesTest, EachFileThatHadTheLogsNameIsKept) {
  Filled it;
  const std::string log = it.file.string() + "-wal";
  const auto replace = [&log](const char* text) {
    fs::remove(log);
    std::ofstream(log) << text;
  };
  const auto back = [&it] {
    const Result<std::string> aside = it.files->PutLogBack(SIZE_MAX);
    return aside ? *aside : "failed: " + aside.error().detail;
  };
  fs::remove(log);
  EXPECT_EQ(back(), "");
  const auto size = fs::file_size(log);
  for (const auto& [text, name] : {std::pair("one", ".other"), {"two", ".other.1"}, {"three", ".other.2"}}) {
    replace(text);
    EXPECT_EQ(back(), log + name);
    EXPECT_EQ(fs::file_size(log), size);
    std::string kept;
    std::getline(std::ifstream(log + name), kept);
    EXPECT_EQ(kept, text);
  }
}

TEST(WatchedFilesTest, WhatWasMovedAsideIsNamedAlsoOnceThereIsRoom) {
  Filled it;
  const std::string log = it.file.string() + "-wal";
  fs::remove(log);
  std::ofstream(log) << "one";
  EXPECT_EQ(it.files->PutLogBack(0).error().code, Errc::kNoSpace);
  const Result<std::string> aside = it.files->PutLogBack(SIZE_MAX);
  ASSERT_TRUE(aside);
  EXPECT_EQ(*aside, log + ".other");
}

TEST(WatchedFilesTest, ACompactedDatabaseMayGrowBeforeItsFileShrinks) {
  Filled it;
  ASSERT_FALSE(it.Look());
  {
    Connection other(it.file, Connection::Mode::kWriter);
    other.Exec("DELETE FROM t; VACUUM");
  }
  ASSERT_FALSE(it.Look());
  it.Grow(30);
  ASSERT_FALSE(it.Look());
  const auto before = fs::file_size(it.file);
  it.connection.Exec("PRAGMA wal_checkpoint(TRUNCATE)");
  ASSERT_LT(fs::file_size(it.file), before);
  EXPECT_FALSE(it.Look());
}

class OpenFilesTest : public StoreTest {
 protected:
  static constexpr auto kAppend = [](Tx& tx) -> Result<Seq> { return Append(tx, EventOf("library/app")); };
  std::string AwaitTrouble() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!store_->trouble() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    return store_->trouble().value_or("none");
  }
};

TEST_F(OpenFilesTest, WithoutItsFileNothingIsAcknowledgedUntilItIsBack) {
  Open();
  AppendOne();
  fs::rename(File(), File() + ".away");
  EXPECT_FALSE(store_->WriteNow(kAppend));
  EXPECT_EQ(store_->WriteNow(kAppend).error().code, Errc::kUnavailable);
  EXPECT_THAT(AwaitTrouble(), HasSubstr(File() + " was removed"));
  EXPECT_EQ(Read([](Snapshot& s) { return Head(s); }) > 0, true) << "what is there can be read";
  fs::rename(File() + ".away", File());
  EXPECT_TRUE(store_->WriteNow(kAppend));
  EXPECT_EQ(store_->trouble(), std::nullopt);
  EXPECT_EQ(fatal_, 0);
}

TEST_F(OpenFilesTest, AFileThatIsReplacedIsLeftAlone) {
  Open();
  AppendOne();
  fs::rename(File(), File() + ".away");
  std::ofstream(File()) << "a backup";
  EXPECT_THAT(AwaitTrouble(), HasSubstr(File() + " was replaced")) << "also while nothing is written";
  EXPECT_FALSE(store_->WriteNow(kAppend));
  store_.reset();
  std::string text;
  std::getline(std::ifstream(File()), text);
  EXPECT_EQ(text, "a backup");
  EXPECT_TRUE(fs::exists(WriteAheadLogOf(File()))) << "it may be what the other one needs";
}

TEST_F(OpenFilesTest, WhatLiesBesideItIsMovedIntoItBeforeTheEnd) {
  for (const char* suffix : {"-wal", "-shm"}) {
    Open();
    const Seq last = AppendOne();
    const int before = fatal_;
    fs::remove(File() + suffix);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (fatal_ == before && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_EQ(fatal_, before + 1) << suffix;
    EXPECT_EQ(store_->WriteNow(kAppend).error().code, Errc::kUnavailable);
    store_.reset();
    Open();
    EXPECT_EQ(Read([](Snapshot& s) { return Head(s); }), last) << suffix;
    store_.reset();
  }
}

// Of what ends the process, whoever finds it: the log has no name then, and what it holds would go as well.
TEST_F(OpenFilesTest, WhateverEndsTheProcessALogWithoutANameIsPutBackFirst) {
  StoreOptions options = Options();
  options.on_fatal = [this](const std::string&) { fatal_ += fs::exists(WriteAheadLogOf(File())) ? 1 : 100; };
  options.provocations.run_jobs_twice = false;
  Open(options);
  const Seq last = AppendOne();
  auto held = store_->WriteNow([&](Tx&) -> Result<void> {
    fs::remove(WriteAheadLogOf(File()));  // the writer is busy now, and has not seen that
    auto read = store_->ReadNow([](Snapshot&) -> Result<bool> { throw DatabaseError(SQLITE_CORRUPT, 0, "damage"); });
    EXPECT_FALSE(read);
    EXPECT_EQ(fatal_, 1);
    return {};
  });
  EXPECT_FALSE(held) << "what is written after the copy is not in it";
  EXPECT_EQ(fatal_, 1);
  store_.reset();
  Open();
  EXPECT_EQ(Read([](Snapshot& s) { return Head(s); }), last);
}

TEST_F(OpenFilesTest, AVolumeThatDoesNotAnswerIsTold) {
  StoreOptions options = Options();
  options.patience = std::chrono::milliseconds(30);
  options.provocations.run_jobs_twice = false;
  Open(options);
  std::promise<void> answer;
  std::jthread caller([&] {
    EXPECT_TRUE(store_->WriteNow([&](Tx& tx) -> Result<Seq> {
      answer.get_future().wait();
      return Append(tx, EventOf("library/app"));
    }));
  });
  EXPECT_THAT(AwaitTrouble(), HasSubstr("has not answered"));
  answer.set_value();
  caller.join();
  AppendOne();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (store_->trouble() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(store_->trouble(), std::nullopt);
}

}  // namespace
}  // namespace portcall::store
