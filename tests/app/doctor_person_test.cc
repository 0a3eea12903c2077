#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "app/doctor/installation.h"
#include "app/doctor/person.h"
#include "app/doctor/volume.h"
#include "tests/support/temp_dir.h"

namespace portcall::app {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DoctorPerson : public ::testing::Test {
 protected:
  DoctorPerson() { ::chmod(folder_.path().c_str(), 0755); }
  fs::path Make(const std::string& name, unsigned mode) {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
    ::chmod(path.c_str(), mode);
    return path;
  }
  // Nobody that files here belong to.
  static Person Stranger() { return {4'000'000, 4'000'000, {}, "stranger"}; }

  const portcall::testing::TempDir folder_;
};

TEST_F(DoctorPerson, OwnerGroupAndOthersHaveTheirOwnRights) {
  const fs::path file = Make("file", 0640);
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  Person person = Stranger();
  EXPECT_THAT(WhyMayNot(person, file, {Right::kRead}), HasSubstr("stranger cannot read " + file.string()));
  EXPECT_THAT(WhyMayNot(person, file, {Right::kRead}), HasSubstr("mode 0640"));
  person.groups = {status.st_gid};
  EXPECT_EQ(WhyMayNot(person, file, {Right::kRead}), "");
  EXPECT_THAT(WhyMayNot(person, file, {Right::kRead, Right::kWrite}), HasSubstr("cannot write"));
}

TEST_F(DoctorPerson, AFolderAboveThatCannotBeEnteredIsTheReason) {
  const fs::path file = Make("closed/file", 0666);
  ::chmod(file.parent_path().c_str(), 0700);
  EXPECT_THAT(WhyMayNot(Stranger(), file, {Right::kRead}), HasSubstr("cannot enter " + file.parent_path().string()));
  ::chmod(file.parent_path().c_str(), 0755);
  EXPECT_EQ(WhyMayNot(Stranger(), file, {Right::kRead, Right::kWrite}), "");
}

TEST_F(DoctorPerson, WhatIsNotThereIsSaid) {
  EXPECT_THAT(WhyMayNot(Stranger(), folder_.path() / "none", {Right::kRead}), HasSubstr("No such file"));
}

TEST_F(DoctorPerson, WhoRunsAProcessWithAllGroups) {
  Make("proc/42/status", 0644);
  std::ofstream(folder_.File("proc/42/status"))
      << "Name:\tportcall\nUid:\t1000\t1001\t1000\t1000\nGid:\t2000\t2001\t2000\t2000\nGroups:\t7 8 9 \n";
  Make("etc/passwd", 0644);
  std::ofstream(folder_.File("etc/passwd")) << "registry:x:1001:2001::/:/bin/sh\n";
  const auto runner = RunnerOf(42, folder_.path());
  ASSERT_TRUE(runner);
  EXPECT_EQ(runner->uid, 1001U);
  EXPECT_EQ(runner->gid, 2001U);
  EXPECT_THAT(runner->groups, ElementsAre(7U, 8U, 9U));
  EXPECT_EQ(runner->name, "registry");
  EXPECT_FALSE(RunnerOf(43, folder_.path()));
}

TEST_F(DoctorPerson, AUserHasTheGroupsOfTheFiles) {
  Make("etc/passwd", 0644);
  std::ofstream(folder_.File("etc/passwd")) << "other:x:1:1::/:\nregistry:x:1001:2001::/:/bin/sh\n";
  std::ofstream(folder_.File("etc/group")) << "tls:x:77:other,registry\nrest:x:78:other\n";
  const Person user = UserOf(1001, 5, folder_.path());
  EXPECT_EQ(user.gid, 2001U);
  EXPECT_THAT(user.groups, ElementsAre(77U));
  EXPECT_EQ(UserOf(6, 5, folder_.path()).gid, 5U);
}

TEST_F(DoctorPerson, TheHolderOfALockIsReadFromTheKernelsList) {
  const fs::path lock = Make("portcall.lock", 0644);
  std::ofstream(lock) << "4711\n";
  struct stat status{};
  ASSERT_EQ(::stat(lock.c_str(), &status), 0);
  const std::string inode = std::to_string(status.st_ino);
  Make("proc/locks", 0644);
  const auto holder = [&](const std::string& lines) {
    std::ofstream(folder_.File("proc/locks")) << lines;
    return HolderOf(lock, folder_.path());
  };
  EXPECT_EQ(holder("1: FLOCK  ADVISORY  WRITE 4711 00:00:" + inode + " 0 EOF\n"), 4711) << "another device's number";
  EXPECT_EQ(holder("1: POSIX  ADVISORY  WRITE 4711 00:00:" + inode + " 0 EOF\n"), std::nullopt);
  EXPECT_EQ(holder("1: FLOCK  ADVISORY  WRITE 12 00:00:" + inode + " 0 EOF\n"), std::nullopt) << "another file";
  EXPECT_EQ(holder("1: FLOCK  ADVISORY  WRITE 4711 00:00:1 0 EOF\n"), std::nullopt);
  EXPECT_EQ(HolderOf(folder_.path() / "none", folder_.path()), std::nullopt);
}

TEST_F(DoctorPerson, TheVolumeIsTheInnermostMount) {
  Make("proc/self/mounts", 0644);
  std::ofstream(folder_.File("proc/self/mounts"))
      << "d / ext4 rw 0 0\nserver:/x " << folder_.path().string() << " nfs4 rw 0 0\nd " << folder_.path().string()
      << "-other xfs rw 0 0\n";
  const auto volume = VolumeOf(folder_.path(), folder_.path());
  ASSERT_TRUE(volume);
  EXPECT_EQ(volume->type, "nfs4");
  EXPECT_EQ(volume->place, folder_.path().string());
  EXPECT_FALSE(VolumeOf(folder_.path() / "none", folder_.path()));
  EXPECT_EQ(ShowBytes(512), "512 bytes");
  EXPECT_EQ(ShowBytes(3'500), "3.4 KiB");
  EXPECT_EQ(ShowBytes(64ULL << 30), "64 GiB");
}

}  // namespace
}  // namespace portcall::app
