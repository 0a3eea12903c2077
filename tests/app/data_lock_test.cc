#include "app/server/data_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>

#include "tests/support/temp_dir.h"

namespace portcall::app {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

bool GoOn(std::chrono::milliseconds) { return true; }
std::filesystem::path FileOf(const portcall::testing::TempDir& folder) { return DataLock::FileOfFolder(folder.path()); }

TEST(DataLock, NamesItsOwner) {
  const portcall::testing::TempDir folder;
  const auto lock = DataLock::Take(FileOf(folder), 0ms, GoOn);
  ASSERT_TRUE(lock);
  std::string pid;
  std::getline(std::ifstream(folder.File("portcall.lock")), pid);
  EXPECT_EQ(pid, std::to_string(getpid()));
}

TEST(DataLock, ASecondOneIsToldWhoHoldsIt) {
  const portcall::testing::TempDir folder;
  const auto first = DataLock::Take(FileOf(folder), 0ms, GoOn);
  ASSERT_TRUE(first);
  const auto second = DataLock::Take(FileOf(folder), 0ms, GoOn);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kConflict);
  EXPECT_THAT(second.error().detail, HasSubstr("process " + std::to_string(getpid())));
}

TEST(DataLock, ASecondOneGetsItWhenTheFirstIsGone) {
  const portcall::testing::TempDir folder;
  std::optional<Result<DataLock>> first(DataLock::Take(FileOf(folder), 0ms, GoOn));
  ASSERT_TRUE(*first);
  const auto second = DataLock::Take(FileOf(folder), 1h, [&](std::chrono::milliseconds) {
    first.reset();
    return true;
  });
  EXPECT_TRUE(second);
}

TEST(DataLock, WaitingCanBeStopped) {
  const portcall::testing::TempDir folder;
  const auto first = DataLock::Take(FileOf(folder), 0ms, GoOn);
  const auto second = DataLock::Take(FileOf(folder), 1h, [](std::chrono::milliseconds) { return false; });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kCancelled);
}

// Servers with folders of their own may name one database, by a link too.
TEST(DataLock, ADatabaseIsHeldByWhateverNameItHas) {
  const portcall::testing::TempDir folder, other;
  const std::filesystem::path link = other.path() / "link.db";
  std::filesystem::create_symlink(folder.path() / "portcall.db", link);
  const auto first = DataLock::Take(DataLock::FileOfDatabase(folder.path() / "portcall.db"), 0ms, GoOn);
  ASSERT_TRUE(first);
  const auto second = DataLock::Take(DataLock::FileOfDatabase(link), 0ms, GoOn);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().detail, HasSubstr("portcall.db.lock"));
}

TEST(DataLock, WhereNoFileCanBeIsAMistakeOfTheConfiguration) {
  const portcall::testing::TempDir folder;
  std::filesystem::create_directory(FileOf(folder));
  EXPECT_EQ(DataLock::Take(FileOf(folder), 0ms, GoOn).error().code, Errc::kInvalid);
  EXPECT_EQ(DataLock::Take(folder.path() / std::string(300, 'x'), 0ms, GoOn).error().code, Errc::kInvalid);
}

TEST(DataLock, AFolderThatIsNotThereIsSaid) {
  const portcall::testing::TempDir folder;
  const auto lock = DataLock::Take(folder.path() / "missing/portcall.lock", 0ms, GoOn);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, Errc::kUnavailable);
  EXPECT_THAT(lock.error().detail, HasSubstr("missing"));
}

}  // namespace
}  // namespace portcall::app
