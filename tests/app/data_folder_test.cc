#include "app/server/data_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "tests/support/temp_dir.h"

namespace portcall::app {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::vector<std::string> Everything(const fs::path& root) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(root)) paths.push_back(entry.path().string());
  std::ranges::sort(paths);
  return paths;
}

void AddForeignImage(const fs::path& root) {
  const fs::path link = root / "docker/registry/v2/repositories/acme/app/_manifests/tags/v1/current";
  fs::create_directories(link);
  std::ofstream(link / "link") << "sha256:aa";
}

TEST(DataFolder, IsMadeWhereItIsMissing) {
  const portcall::testing::TempDir folder;
  const fs::path root = folder.path() / "a/b";
  EXPECT_TRUE(PrepareDataFolder(root, root / "portcall.db"));
  EXPECT_TRUE(fs::is_directory(root));
}

TEST(DataFolder, WhereNoneCanBeTheKeyIsNamed) {
  const portcall::testing::TempDir folder;
  std::ofstream(folder.File("file")) << "x";
  const auto prepared = PrepareDataFolder(folder.path() / "file", folder.path() / "file/portcall.db");
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Errc::kInvalid);
  EXPECT_THAT(prepared.error().detail, HasSubstr("storage.filesystem.rootdirectory"));
}

// Mistakes of the configuration are told from what fails outside: they end with 2.
TEST(DataFolder, WhereNoDatabaseCanBeTheKeyIsNamed) {
  const portcall::testing::TempDir folder;
  for (const char* place : {"missing/portcall.db", "/proc/self/portcall.db", "/proc/self/none/portcall.db"}) {
    const auto prepared = PrepareDataFolder(folder.path(), folder.path() / place);
    ASSERT_FALSE(prepared) << place;
    EXPECT_EQ(prepared.error().code, Errc::kInvalid) << place;
    EXPECT_THAT(prepared.error().detail, HasSubstr("store.path")) << place;
  }
}

TEST(DataFolder, WhatLiesWhereTheDatabaseNeedsAFileIsNamed) {
  for (const char* name : {"portcall.db", "portcall.db-wal", "portcall.db-shm", "portcall.db.lock"}) {
    const portcall::testing::TempDir folder;
    fs::create_directory(folder.path() / name);
    const auto prepared = PrepareDataFolder(folder.path(), folder.path() / "portcall.db");
    ASSERT_FALSE(prepared) << name;
    EXPECT_EQ(prepared.error().code, Errc::kInvalid) << name;
    EXPECT_THAT(prepared.error().detail, HasSubstr(std::string(name) + " is a folder")) << name;
  }
}

TEST(DataFolder, AnotherRegistrysTreeIsRefusedUntouched) {
  const portcall::testing::TempDir folder;
  AddForeignImage(folder.path());
  const auto before = Everything(folder.path());
  const auto prepared = PrepareDataFolder(folder.path(), folder.path() / "portcall.db");
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Errc::kInvalid);
  EXPECT_THAT(prepared.error().detail, HasSubstr("portcall import"));
  EXPECT_EQ(Everything(folder.path()), before);
}

TEST(DataFolder, ATreeWithOurDatabaseIsOurs) {
  const portcall::testing::TempDir folder;
  AddForeignImage(folder.path());
  std::ofstream(folder.File("portcall.db")) << "x";
  EXPECT_TRUE(PrepareDataFolder(folder.path(), folder.path() / "portcall.db"));
}

}  // namespace
}  // namespace portcall::app
