#include "runtime/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace portcall::runtime {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  testing::TempDir folder_;
  const fs::path path_ = folder_.File("a");
};

TEST_F(Files, WhatIsMissingSaysSoAndNamesThePath) {
  const auto file = OpenFile(path_, O_RDONLY);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::kNotFound);
  EXPECT_NE(file.error().detail.find(path_.string()), std::string::npos);
}

TEST_F(Files, AFullDiskIsNoSpace) {
  const auto full = OpenFile("/dev/full", O_WRONLY);
  ASSERT_TRUE(full);
  const auto written = WriteAt(*full, "text", 0, "/dev/full");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::kNoSpace);
}

TEST_F(Files, WritesAndReadsAtOffsets) {
  const auto file = OpenFile(path_, O_RDWR | O_CREAT);
  ASSERT_TRUE(file && WriteAt(*file, "hello world", 0, path_) && WriteAt(*file, "W", 6, path_));
  EXPECT_EQ(*ReadWhole(path_), "hello World");
  ASSERT_TRUE(Truncate(*file, 5, path_) && SyncData(*file, path_));
  EXPECT_EQ(*SizeOfFile(*file, path_), 5u);
  std::string all;
  ASSERT_TRUE(ReadThrough(*file, path_, [&](std::string_view piece) { all += piece; }));
  EXPECT_EQ(all, "hello");
}

TEST_F(Files, AReplacedFileIsAnotherFileUnderTheSameName) {
  ASSERT_TRUE(ReplaceFile(path_, "one", 0600));
  const auto first = OpenFile(path_, O_RDONLY);
  ASSERT_TRUE(first);
  EXPECT_TRUE(IsNamed(*first, path_));
  ASSERT_TRUE(ReplaceFile(path_, "two", 0600));
  EXPECT_FALSE(IsNamed(*first, path_));
  EXPECT_EQ(*ReadWhole(path_), "two");
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(path_.string() + ".tmp"));
}

TEST_F(Files, MakesWhatIsMissingOfAFolder) {
  const fs::path deep = folder_.File("x") + "/y/z";
  ASSERT_TRUE(MakeFolders(deep, 0750));
  EXPECT_TRUE(fs::is_directory(deep));
  EXPECT_TRUE(MakeFolders(deep));
  ASSERT_TRUE(ReplaceFile(path_, ""));
  EXPECT_FALSE(MakeFolders(path_ / "below-a-file"));
}

}  // namespace
}  // namespace portcall::runtime
