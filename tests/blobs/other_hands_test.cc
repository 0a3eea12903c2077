#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

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

}  // namespace
}  // namespace portcall::store
