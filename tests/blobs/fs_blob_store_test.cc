#include "store/blobs/fs/fs_blob_store.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>

#include "store/blobs/fs/filesystem.h"
#include "tests/blobs/contract/driver.h"

namespace portcall::store {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class BlobsTest : public BlobsFixture {
 protected:
  Result<std::unique_ptr<BlobStore>> Opened(bool) override { return OpenFilesystem(dir_.path(), pool_, locks_); }
  fs::path BlobPath(const Digest& d) const {
    return dir_.path() / "docker/registry/v2/blobs" / d.algorithm() / d.hex().substr(0, 2) / d.hex() / "data";
  }
  fs::path UploadFolder(const std::string& uuid) const {
    return dir_.path() / "docker/registry/v2/repositories/acme/app/_uploads" / uuid;
  }
};

TEST_F(BlobsTest, AnUploadInPiecesBecomesABlobInDistributionsLayout) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_EQ(*Append("u1", "hello "), 6u);
  ASSERT_EQ(*Append("u1", "blob"), 10u);
  const Digest digest = DigestOf("hello blob");
  ASSERT_EQ(*Commit("u1", digest), 10u);
  EXPECT_EQ(committed_size_, 10u);
  EXPECT_EQ(ReadFile(BlobPath(digest)), "hello blob");
  EXPECT_FALSE(fs::exists(UploadFolder("u1")));

  const Result<BlobContent> content = Run(blobs_->Read(digest));
  ASSERT_TRUE(content);
  ASSERT_TRUE(std::holds_alternative<BlobFile>(*content)) << "which the kernel can send by itself";
  EXPECT_EQ(SizeOf(*content), 10u);
  EXPECT_EQ(BytesOf(*content), "hello blob");
}

TEST_F(BlobsTest, ADamagedFileIsReplacedByThePushOfItsDigest) {
  const Digest digest = DigestOf("abc");
  fs::create_directories(BlobPath(digest).parent_path());
  std::ofstream(BlobPath(digest)) << "garbage";
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "abc"));
  ASSERT_TRUE(Commit("u1", digest));
  EXPECT_EQ(ReadFile(BlobPath(digest)), "abc");
}

TEST_F(BlobsTest, FindsWhatAnotherRegistryBeganAndRemovesAllOfIt) {
  ASSERT_TRUE(Start("ours"));
  const fs::path theirs = UploadFolder("theirs"), torn = UploadFolder("torn");
  fs::create_directories(theirs / "hashstates/sha256");
  std::ofstream(theirs / "hashstates/sha256/0") << "x";
  std::ofstream(theirs / "data") << "abc";
  std::ofstream(theirs / "startedat") << "2001-09-09T03:46:40+02:00";
  fs::create_directories(torn);
  std::ofstream(torn / "startedat");
  fs::create_directories(dir_.path() / "docker/registry/v2/repositories/acme/app/_layers/sha256/theirs");
  std::map<std::string, FoundUpload> found;
  const std::unique_ptr<UploadWalk> walk = blobs_->WalkUploads();
  for (auto piece = Run(walk->Next()); *piece; piece = Run(walk->Next())) {
    for (FoundUpload& upload : **piece) found[upload.uuid] = std::move(upload);
  }
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found["theirs"].repository, "acme/app");
  EXPECT_EQ(found["theirs"].started_at, 1'000'000'000ll * 1'000'000'000);
  const std::int64_t now = std::chrono::system_clock::now().time_since_epoch().count();
  for (const char* uuid : {"ours", "torn"}) {
    EXPECT_NEAR(static_cast<double>(found[uuid].started_at), static_cast<double>(now), 60e9) << uuid;
  }
  for (const auto& [uuid, upload] : found) EXPECT_TRUE(Run(blobs_->DropUpload("acme/app", uuid)));
  EXPECT_TRUE(fs::is_empty(theirs.parent_path()));
}

TEST_F(BlobsTest, AnUploadThatCannotBeRemovedIsTold) {
  ASSERT_TRUE(Start("u2"));
  EXPECT_FALSE(Run(blobs_->DropUpload("acme/app", std::string(300, 'u')))) << "no file can have such a name";
  EXPECT_TRUE(Run(blobs_->DropUpload("acme/app", "u1"))) << "there is nothing to do";
}

TEST_F(BlobsTest, OpeningRemovesOnlyItsOwnTemporaryFiles) {
  std::ofstream(dir_.path() / ".portcall-temporary/left-over") << "x";
  const Digest orphan = DigestOf("orphan");
  fs::create_directories(BlobPath(orphan).parent_path());
  std::ofstream(BlobPath(orphan)) << "orphan";
  Reopen();
  EXPECT_FALSE(fs::exists(dir_.path() / ".portcall-temporary/left-over"));
  EXPECT_TRUE(fs::exists(BlobPath(orphan)));
}

TEST_F(BlobsTest, KnowsATreeThatAnotherRegistryFilled) {
  ASSERT_TRUE(Start("u1"));
  EXPECT_FALSE(SurveyTree(dir_.path()).has_repositories);
  EXPECT_FALSE(SurveyTree(dir_.path()).has_content);
  fs::create_directories(dir_.path() / "docker/registry/v2/repositories/a/b/_layers");
  EXPECT_TRUE(SurveyTree(dir_.path()).has_repositories);
  ASSERT_TRUE(Run(blobs_->Put(DigestOf("abc"), "abc")));
  EXPECT_TRUE(SurveyTree(dir_.path()).has_content);
}

}  // namespace
}  // namespace portcall::store
