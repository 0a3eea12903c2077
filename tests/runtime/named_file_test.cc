#include "runtime/named_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "runtime/files.h"
#include "tests/support/temp_dir.h"

namespace portcall::runtime {
namespace {

namespace fs = std::filesystem;

TEST(NamedFile, IsAFileOfABearableSize) {
  const portcall::testing::TempDir folder;
  const fs::path path = folder.File("file");
  ASSERT_TRUE(ReplaceFile(path, "text"));
  EXPECT_EQ(*ReadNamed(path, 4), "text");
  EXPECT_TRUE(CheckNamed(path, 4));
  EXPECT_EQ(ReadNamed(path, 3).error().code, Errc::kInvalid);
  const std::string pipe = folder.File("pipe"), large = folder.File("large");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  ASSERT_TRUE(ReplaceFile(large, ""));
  fs::resize_file(large, 10ull << 30);
  const auto why = [](const fs::path& odd) { return ReadNamed(odd, 1 << 20).error().detail; };
  EXPECT_EQ(why(pipe), "is a pipe, not a file");
  EXPECT_EQ(why(folder.path()), "is a folder, not a file");
  EXPECT_EQ(why("/dev/zero"), "is a device, not a file");
  EXPECT_EQ(why(large), "is larger than 1 MiB");
  EXPECT_EQ(why(folder.File("none")), "does not exist");
  EXPECT_EQ(ReadNamed(folder.File("none"), 1).error().code, Errc::kNotFound);
  EXPECT_TRUE(ReadNamed("/proc/self/status", 1 << 20)) << "files of the kernel have no size";
}

}  // namespace
}  // namespace portcall::runtime
