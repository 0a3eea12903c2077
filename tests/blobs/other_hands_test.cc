#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "runtime/files.h"
#include "store/blobs/fs/filesystem.h"
#include "tests/blobs/contract/driver.h"

namespace portcall::store {
namespace {

namespace fs = std::filesystem;

// The folder in other hands: those of a person, of a backup that is put back, of another program.
class OtherHandsTest : public BlobsFixture {
 protected:
  Result<std::unique_ptr<BlobStore>> Opened(bool) override {
    return OpenFilesystem(dir_.path(), {pool_, pool_}, locks_, {});
  }
  fs::path BlobPath(const Digest& d) const {
    return dir_.path() / "docker/registry/v2/blobs" / d.algorithm() / d.hex().substr(0, 2) / d.hex() / "data";
  }
  fs::path UploadFolder(const std::string& uuid) const {
    return dir_.path() / "docker/registry/v2/repositories/acme/app/_uploads" / uuid;
  }
};

// No blob may be made of what was not hashed.
TEST_F(OtherHandsTest, WhatOthersMadeOfAnUploadsFileIsWhatCounts) {
  struct Change {
    const char* what;
    void (*make)(const fs::path& data);
    std::string left;
  };
  const Change changes[] = {
      {"cut", [](const fs::path& data) { fs::resize_file(data, 2); }, "he"},
      {"grown", [](const fs::path& data) { std::ofstream(data, std::ios::app) << "??"; }, "hello??"},
      {"replaced",
       [](const fs::path& data) {
         std::ofstream(data.string() + ".other") << "HELLO";
         fs::rename(data.string() + ".other", data);
       },
       "HELLO"},
  };
  for (const Change& change : changes) {
    for (const std::string next : {"asks", "appends", "is cut", "ends"}) {
      const std::string uuid = change.what + next;
      SCOPED_TRACE(uuid);
      ASSERT_TRUE(Start(uuid));
      ASSERT_TRUE(Append(uuid, "hello"));
      change.make(UploadFolder(uuid) / "data");
      std::string all = change.left;
      if (next == "asks") EXPECT_EQ(*Size(uuid), all.size());
      if (next == "appends") EXPECT_EQ(*Append(uuid, " blob"), (all += " blob").size());
      if (next == "is cut") ASSERT_TRUE(Run(blobs_->Truncate("acme/app", uuid, 1)));
      if (next == "is cut") all.resize(1);
      EXPECT_EQ(*Size(uuid), all.size());
      const Digest digest = DigestOf(all);
      EXPECT_TRUE(Commit(uuid, digest)) << "its digest is that of the file";
      EXPECT_EQ(ContentOf(digest), all);
    }
    ASSERT_TRUE(Start("wrong"));
    ASSERT_TRUE(Append("wrong", "hello"));
    change.make(UploadFolder("wrong") / "data");
    EXPECT_EQ(Commit("wrong", DigestOf("hello")).error().code, Errc::kInvalid) << change.what;
    EXPECT_EQ(ContentOf(DigestOf("hello")), "none") << change.what;
  }
}

TEST_F(OtherHandsTest, AnUploadWhoseFileWasRemovedIsGone) {
  for (const std::string uuid : {"asked", "appended", "ended"}) {
    ASSERT_TRUE(Start(uuid));
    ASSERT_TRUE(Append(uuid, "hello"));
    fs::remove(UploadFolder(uuid) / "data");
  }
  EXPECT_EQ(Size("asked").error().code, Errc::kNotFound);
  EXPECT_EQ(Append("appended", "x").error().code, Errc::kNotFound);
  EXPECT_EQ(Commit("ended", DigestOf("hello")).error().code, Errc::kNotFound);
}

// A pipe whose other side is open, so that even who waits for that does not wait for ever.
runtime::Fd MakePipe(const fs::path& path) {
  EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
  return runtime::Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
}

TEST_F(OtherHandsTest, WhatIsNoFileIsNoBlobAndHoldsUpNobody) {
  const Digest digest = DigestOf("abc");
  const fs::path path = BlobPath(digest), pipe = dir_.path() / "pipe";
  fs::create_directories(path.parent_path());
  const runtime::Fd other_side = MakePipe(pipe);
  void (*const make[])(const fs::path&, const fs::path&) = {
      [](const fs::path& from, const fs::path& to) { fs::create_hard_link(from, to); },
      [](const fs::path& from, const fs::path& to) { fs::create_symlink(from, to); },
      [](const fs::path&, const fs::path& to) { fs::create_symlink("/dev/zero", to); },
      [](const fs::path&, const fs::path& to) { fs::create_directory(to); }};
  for (const auto& put : make) {
    put(pipe, path);
    const Result<BlobContent> read = Run(blobs_->Read(digest));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::kUnavailable);
    EXPECT_NE(read.error().detail.find(path.string()), std::string::npos) << read.error().detail;
    const bool folder = fs::is_directory(path);
    EXPECT_EQ(static_cast<bool>(Run(blobs_->Put(digest, "abc"))), !folder) << "another push replaces it";
    EXPECT_EQ(ContentOf(digest), folder ? "none" : "abc");
    fs::remove(path);
  }
}

TEST_F(OtherHandsTest, AnUploadWhoseFileIsNoFileIsRefused) {
  runtime::Fd other_side;
  for (const bool reopened : {false, true}) {
    ASSERT_TRUE(Start("u1"));
    ASSERT_TRUE(Append("u1", "hello"));
    if (reopened) Reopen();
    fs::remove(UploadFolder("u1") / "data");
    other_side = MakePipe(UploadFolder("u1") / "data");
    for (const Error& error :
         {Size("u1").error(), Append("u1", "x").error(), Commit("u1", DigestOf("hello")).error()}) {
      EXPECT_EQ(error.code, Errc::kUnavailable);
      EXPECT_NE(error.detail.find("u1/data"), std::string::npos) << error.detail;
    }
    EXPECT_TRUE(Run(blobs_->DropUpload("acme/app", "u1")));
  }
}

TEST_F(OtherHandsTest, AWalkReadsNoStartFromWhatIsNoFile) {
  fs::create_directories(UploadFolder("odd"));
  const runtime::Fd other_side = MakePipe(UploadFolder("odd") / "startedat");
  const std::string text(8'192, 'x');
  ASSERT_EQ(::write(other_side.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  const std::unique_ptr<UploadWalk> walk = blobs_->WalkUploads();
  std::vector<FoundUpload> found;
  for (auto piece = Run(walk->Next()); *piece; piece = Run(walk->Next()))
    std::ranges::move(**piece, std::back_inserter(found));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_GT(found[0].started_at, 0) << "that of its folder";
  std::string left(text.size(), '\0');
  EXPECT_EQ(::read(other_side.get(), left.data(), left.size()), static_cast<ssize_t>(text.size()));
}

}  // namespace
}  // namespace portcall::store
