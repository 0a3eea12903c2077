#include "config/reader/disk_places.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace portcall::config {
namespace {

namespace fs = std::filesystem;

std::string Without(const fs::path& file, const fs::path& made = "/nowhere") { return WhyNoFile(file, made).why; }

TEST(DiskPlaces, AFolderThatAStartMayMakeIsRight) {
  const portcall::testing::TempDir dir;
  EXPECT_EQ(WhyUnwritable(dir.path().string()).why, "");
  EXPECT_EQ(WhyUnwritable(dir.File("a/b/c")).why, "");
  EXPECT_FALSE(fs::exists(dir.path() / "a"));
}

TEST(DiskPlaces, NothingIsKeptInFileSystemsOfTheKernel) {
  for (const char* folder : {"/proc", "/proc/x", "/proc/x/y", "/sys/x"}) {
    const Obstacle found = WhyUnwritable(folder);
    EXPECT_NE(found.why, "") << folder;
  }
  EXPECT_NE(Without("/proc/x.db"), "");
}

TEST(DiskPlaces, AFileNeedsAFolder) {
  const portcall::testing::TempDir dir;
  const fs::path root = dir.path() / "data/registry";
  EXPECT_EQ(Without(dir.path() / "x.db"), "");
  EXPECT_NE(Without(dir.path() / "missing/x.db").find("does not exist, and a start does not make it"),
            std::string::npos);
  EXPECT_NE(Without(dir.path()).find("is a folder"), std::string::npos);
  EXPECT_NE(Without("/dev/null").find("is no file"), std::string::npos);
  std::ofstream(dir.path() / "file") << "x";
  EXPECT_EQ(Without(dir.path() / "file"), "");
  EXPECT_NE(Without(dir.path() / "file/x.db"), "");
  // What is made with the folder of the images, and what is not.
  EXPECT_EQ(Without(root / "x.db", root), "");
  EXPECT_EQ(Without(dir.path() / "data/x.db", root), "");
  EXPECT_EQ(Without(root / "x.db", root / ""), "");
  EXPECT_NE(Without(root / "sub/x.db", root), "");
  EXPECT_NE(Without(dir.path() / "dat/x.db", root), "");
  EXPECT_FALSE(fs::exists(dir.path() / "data"));
}

}  // namespace
}  // namespace portcall::config
