#include "runtime/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>

#include "tests/support/temp_dir.h"

namespace {

std::atomic<bool> syncs_fail = false;
// As with file systems that know no flags of a rename, no links, or neither.
std::atomic<bool> no_flags = false, no_links = false, renames_fail = false;

}  // namespace

// These take the place of the C library's.
extern "C" int fsync(int fd) {
  if (!syncs_fail) return static_cast<int>(syscall(SYS_fsync, fd));
  errno = EIO;
  return -1;
}
extern "C" int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  if (!no_flags) return static_cast<int>(syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
  errno = EINVAL;
  return -1;
}
extern "C" int link(const char* from, const char* to) noexcept {
  if (!no_links) return static_cast<int>(syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
  errno = EPERM;
  return -1;
}
extern "C" int rename(const char* from, const char* to) noexcept {
  if (!renames_fail) return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
  errno = EIO;
  return -1;
}

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
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  const auto written = WriteAt(full, "text", 0, "/dev/full");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::kNoSpace);
}

// Opening a pipe waits for its other side, as reading a terminal does, and a thread with it.
TEST_F(Files, WhatIsNoFileIsRefusedAndNeverWaitedFor) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const Fd other_side(::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));  // so that a failure does not wait
  fs::create_symlink(path_, folder_.File("link"));
  fs::create_directory(folder_.File("folder"));
  const std::pair<fs::path, const char*> odd[] = {{path_, "a pipe"},
                                                  {folder_.File("link"), "a pipe"},
                                                  {folder_.File("folder"), "a folder"},
                                                  {"/dev/null", "a device"}};
  for (int flags : {O_RDONLY, O_RDWR}) {
    for (const auto& [path, what] : odd) {
      const auto file = OpenFile(path, flags);
      ASSERT_FALSE(file) << path;
      EXPECT_EQ(file.error().code, Errc::kUnavailable);
      EXPECT_NE(file.error().detail.find(path.string()), std::string::npos) << file.error().detail;
      if (flags == O_RDONLY) EXPECT_NE(file.error().detail.find(what), std::string::npos) << file.error().detail;
    }
  }
  EXPECT_FALSE(OpenFile(path_, O_WRONLY));
  EXPECT_FALSE(ReadWhole(path_));
  EXPECT_TRUE(SyncFolder(folder_.File("folder")));
}

TEST_F(Files, WritesAndReadsAtOffsets) {
  const auto file = OpenFile(path_, O_RDWR | O_CREAT);
  ASSERT_TRUE(file && WriteAt(*file, "hello world", 0, path_) && WriteAt(*file, "W", 6, path_));
  EXPECT_EQ(*ReadWhole(path_), "hello World");
  ASSERT_TRUE(Truncate(*file, 5, path_) && SyncData(*file, path_));
  EXPECT_EQ(*SizeOfFile(*file, path_), 5u);
  std::string all(10, '-');
  ASSERT_EQ(*ReadAt(*file, all, 0, path_), 5u);
  EXPECT_EQ(all, "hello-----");
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

TEST_F(Files, AFileThatIsMadeReplacesNoneWhateverTheFileSystemKnows) {
  for (const auto& [flags, links] : {std::pair(true, true), std::pair(false, true), std::pair(false, false)}) {
    no_flags = !flags;
    no_links = !links;
    const auto made = MakeFile(path_, "one", 0600);
    const auto again = MakeFile(path_, "two", 0600);
    no_flags = no_links = false;
    ASSERT_TRUE(made) << made.error().detail;
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::kConflict);
    EXPECT_EQ(*ReadWhole(path_), "one");
    EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(std::distance(fs::directory_iterator(path_.parent_path()), fs::directory_iterator()), 1)
        << "nothing is left beside it";
    fs::remove(path_);
  }
}

TEST_F(Files, AFileThatCouldNotBeMadeIsNotThere) {
  no_flags = no_links = renames_fail = true;
  const auto made = MakeFile(path_, "one", 0600);
  no_flags = no_links = renames_fail = false;
  ASSERT_FALSE(made);
  EXPECT_TRUE(fs::is_empty(path_.parent_path()));
}

TEST_F(Files, MakesWhatIsMissingOfAFolder) {
  const fs::path deep = folder_.File("x") + "/y/z";
  ASSERT_TRUE(MakeFolders(deep, 0750));
  EXPECT_TRUE(fs::is_directory(deep));
  EXPECT_TRUE(MakeFolders(deep));
  ASSERT_TRUE(ReplaceFile(path_, ""));
  EXPECT_FALSE(MakeFolders(path_ / "below-a-file"));
}

// Their names lie in a folder: where that is not synced, they may be gone with the next loss of power.
TEST_F(Files, ANameThatIsNotSyncedIsAFailure) {
  syncs_fail = true;
  EXPECT_FALSE(MakeFolders(folder_.File("one")));
  EXPECT_FALSE(MakeFolders(folder_.File("two") + "/deep"));
  EXPECT_FALSE(ReplaceFile(path_, "text"));
  syncs_fail = false;
  EXPECT_TRUE(MakeFolders(folder_.File("three")));
}

}  // namespace
}  // namespace portcall::runtime
