#include "store/blobs/fs/fs_blob_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <future>

#include "runtime/bytes.h"
#include "runtime/loops.h"
#include "tests/support/loop_runner.h"
#include "tests/support/temp_dir.h"

namespace portcall::store {
namespace {

namespace fs = std::filesystem;
using testing::LoopRunner;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Digest DigestOf(std::string_view bytes, const std::string& algorithm = "sha256") {
  return *Digest::Parse(algorithm + ":" + runtime::HashHex(algorithm, bytes));
}

class BlobsTest : public ::testing::Test {
 protected:
  BlobsTest() { Reopen(); }

  void Reopen(std::uint64_t reserve = 0) {
    blobs_.reset();
    Result<std::unique_ptr<BlobStore>> opened = BlobStore::Open(dir_.path(), pool_, reserve);
    ASSERT_TRUE(opened) << opened.error().detail;
    blobs_ = *std::move(opened);
  }
  template <class T>
  T Run(Task<T> task) {
    return runner_.Run(std::move(task));
  }
  Result<void> Start(const std::string& uuid) { return Run(blobs_->StartUpload("acme/app", uuid)); }
  Result<std::uint64_t> Append(const std::string& uuid, std::string_view bytes) {
    return Run(blobs_->Append("acme/app", uuid, {bytes.data(), bytes.size()}));
  }
  Result<std::uint64_t> Commit(const std::string& uuid, const Digest& digest, Result<void> rows = {}) {
    auto commit = [this, rows](std::uint64_t size) -> Task<Result<void>> {
      committed_size_ = size;
      co_return rows;
    };
    return Run(blobs_->Commit("acme/app", uuid, digest, commit));
  }
  fs::path BlobPath(const Digest& d) const {
    return dir_.path() / "docker/registry/v2/blobs" / d.algorithm() / d.hex().substr(0, 2) / d.hex() / "data";
  }
  fs::path UploadFolder(const std::string& uuid) const {
    return dir_.path() / "docker/registry/v2/repositories/acme/app/_uploads" / uuid;
  }

  testing::TempDir dir_;
  LoopRunner runner_;  // outlives the pool, which wakes callers on it
  asio::thread_pool pool_{2};
  std::unique_ptr<BlobStore> blobs_;
  std::uint64_t committed_size_ = 0;
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

  Result<BlobFile> file = Run(blobs_->OpenBlob(digest));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size, 10u);
  char bytes[10];
  ASSERT_EQ(::pread(file->fd, bytes, 10, 0), 10);
  EXPECT_EQ(std::string_view(bytes, 10), "hello blob");
}

TEST_F(BlobsTest, AnEmptyBlobAndSha512AreReal) {
  ASSERT_TRUE(Start("u1"));
  EXPECT_TRUE(Commit("u1", DigestOf("")));
  ASSERT_TRUE(Start("u2"));
  ASSERT_TRUE(Append("u2", "x"));
  const Digest digest = DigestOf("x", "sha512");
  EXPECT_TRUE(Commit("u2", digest));
  EXPECT_EQ(ReadFile(BlobPath(digest)), "x");
}

TEST_F(BlobsTest, AWrongDigestEndsTheUploadAndWritesNoRow) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "hello"));
  const Digest claimed = DigestOf("other");
  committed_size_ = 77;
  Result<std::uint64_t> done = Commit("u1", claimed);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kInvalid);
  EXPECT_EQ(committed_size_, 77u);
  EXPECT_FALSE(fs::exists(BlobPath(claimed)));
  EXPECT_FALSE(fs::exists(BlobPath(DigestOf("hello"))));
  EXPECT_EQ(Run(blobs_->UploadSize("acme/app", "u1")).error().code, Errc::kNotFound);
}

TEST_F(BlobsTest, AnUploadIsKnownInItsOwnRepositoryAlone) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "abc"));
  Result<std::uint64_t> other = Run(blobs_->Append("acme/other", "u1", std::span<const char>("d", 1)));
  EXPECT_EQ(other.error().code, Errc::kNotFound);
  EXPECT_EQ(*Run(blobs_->UploadSize("acme/app", "u1")), 3u);
}

TEST_F(BlobsTest, AnUploadSurvivesARestart) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "first "));
  Reopen();
  EXPECT_EQ(*Run(blobs_->UploadSize("acme/app", "u1")), 6u);
  ASSERT_EQ(*Append("u1", "second"), 12u);
  EXPECT_TRUE(Commit("u1", DigestOf("first second")));
}

TEST_F(BlobsTest, ATruncatedChunkIsGoneFromTheHashToo) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "keep"));
  ASSERT_TRUE(Append("u1", "drop"));
  ASSERT_TRUE(Run(blobs_->Truncate("acme/app", "u1", 4)));
  EXPECT_EQ(*Run(blobs_->UploadSize("acme/app", "u1")), 4u);
  ASSERT_EQ(*Append("u1", "!"), 5u);
  EXPECT_TRUE(Commit("u1", DigestOf("keep!")));
}

TEST_F(BlobsTest, AFileStaysWhenItsRowsFailAndIsAdoptedWhenPushedAgain) {
  const Digest digest = DigestOf("abc");
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "abc"));
  Result<std::uint64_t> failed = Commit("u1", digest, Error(Errc::kUnavailable, "no"));
  EXPECT_EQ(failed.error().code, Errc::kUnavailable);
  EXPECT_TRUE(fs::exists(BlobPath(digest)));
  ASSERT_TRUE(Start("u2"));
  ASSERT_TRUE(Append("u2", "abc"));
  EXPECT_TRUE(Commit("u2", digest));
  EXPECT_EQ(ReadFile(BlobPath(digest)), "abc");
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

TEST_F(BlobsTest, WhoReadsABlobKeepsItWhenItIsRemoved) {
  const Digest digest = DigestOf("abc");
  ASSERT_TRUE(Run(blobs_->Put(digest, "abc")));
  Result<BlobFile> file = Run(blobs_->OpenBlob(digest));
  ASSERT_TRUE(file);
  ASSERT_TRUE(Run(blobs_->Remove(digest)));
  EXPECT_EQ(Run(blobs_->OpenBlob(digest)).error().code, Errc::kNotFound);
  char bytes[3];
  EXPECT_EQ(::pread(file->fd, bytes, 3, 0), 3);
}

TEST_F(BlobsTest, WithoutRoomNothingIsWrittenAndTheUploadWaits) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "abc"));
  Reopen(std::uint64_t{1} << 62);
  EXPECT_EQ(Append("u1", "d").error().code, Errc::kNoSpace);
  EXPECT_EQ(Start("u2").error().code, Errc::kNoSpace);
  EXPECT_EQ(Commit("u1", DigestOf("abc")).error().code, Errc::kNoSpace);
  Reopen();
  EXPECT_EQ(*Run(blobs_->UploadSize("acme/app", "u1")), 3u);
  EXPECT_TRUE(Commit("u1", DigestOf("abc")));
}

TEST_F(BlobsTest, OneRequestAtATimeMayWriteToAnUpload) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "abc"));
  Result<std::uint64_t> inner = Error(Errc::kInternal, "not run");
  auto commit = [&](std::uint64_t) -> Task<Result<void>> {
    inner = co_await blobs_->Append("acme/app", "u1", std::span<const char>("d", 1));
    co_return Result<void>();
  };
  ASSERT_TRUE(Run(blobs_->Commit("acme/app", "u1", DigestOf("abc"), commit)));
  EXPECT_EQ(inner.error().code, Errc::kConflict);
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
  EXPECT_FALSE(BlobStore::HasRepositories(dir_.path()));
  fs::create_directories(dir_.path() / "docker/registry/v2/repositories/a/b/_layers");
  EXPECT_TRUE(BlobStore::HasRepositories(dir_.path()));
}

}  // namespace
}  // namespace portcall::store
