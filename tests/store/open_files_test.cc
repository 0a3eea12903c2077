#include "store/sqlite/open_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

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

}  // namespace
}  // namespace portcall::store
