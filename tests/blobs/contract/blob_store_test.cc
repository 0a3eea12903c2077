#include "store/blobs/blob_store.h"

#include <gmock/gmock.h>

#include <future>

#include "tests/blobs/contract/driver.h"

namespace portcall::store {
namespace {

class DriverTest : public BlobsFixture, public ::testing::WithParamInterface<Driver> {
 protected:
  Result<std::unique_ptr<BlobStore>> Opened(bool no_room) override {
    return GetParam().open(dir_.path(), pool_, locks_, no_room);
  }
};

TEST_P(DriverTest, AnUploadInPiecesBecomesABlob) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_EQ(*Append("u1", "hello "), 6u);
  ASSERT_EQ(*Append("u1", "blob"), 10u);
  const Digest digest = DigestOf("hello blob");
  EXPECT_EQ(ContentOf(digest), "none");
  ASSERT_EQ(*Commit("u1", digest), 10u);
  EXPECT_EQ(committed_size_, 10u);
  EXPECT_EQ(ContentOf(digest), "hello blob");
  EXPECT_EQ(Size("u1").error().code, Errc::kNotFound);
  Reopen();
  EXPECT_EQ(ContentOf(digest), "hello blob");
}

TEST_P(DriverTest, ACommitHoldsTheDigestUntilItsRowsAreWritten) {
  const Digest digest = DigestOf("abc");
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "abc"));
  std::future<Result<void>> removal;
  auto commit = [&](std::uint64_t) -> Task<Result<void>> {
    removal = runner_.Start(blobs_->Remove(digest));
    co_return Result<void>(Error(Errc::kUnavailable, "no"));
  };
  EXPECT_FALSE(Run(blobs_->Commit("acme/app", "u1", digest, commit, {})));
  EXPECT_TRUE(testing::LoopRunner::Await(std::move(removal)));
  EXPECT_EQ(ContentOf(digest), "none") << "the removal came after the commit";
}

TEST_P(DriverTest, AnEmptyBlobAndSha512AreReal) {
  ASSERT_TRUE(Start("u1"));
  EXPECT_TRUE(Commit("u1", DigestOf("")));
  ASSERT_TRUE(Start("u2"));
  ASSERT_TRUE(Append("u2", "x"));
  const Digest digest = DigestOf("x", "sha512");
  EXPECT_TRUE(Commit("u2", digest));
  EXPECT_EQ(ContentOf(digest), "x");
}

TEST_P(DriverTest, AWrongDigestEndsTheUploadAndWritesNoRow) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "hello"));
  const Digest claimed = DigestOf("other");
  committed_size_ = 77;
  Result<std::uint64_t> done = Commit("u1", claimed);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kInvalid);
  EXPECT_EQ(committed_size_, 77u);
  EXPECT_EQ(ContentOf(claimed), "none");
  EXPECT_EQ(ContentOf(DigestOf("hello")), "none");
  EXPECT_EQ(Size("u1").error().code, Errc::kNotFound);
}

TEST_P(DriverTest, AnUploadIsKnownInItsOwnRepositoryAlone) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "abc"));
  Result<std::uint64_t> other = Run(blobs_->Append("acme/other", "u1", std::span<const char>("d", 1)));
  EXPECT_EQ(other.error().code, Errc::kNotFound);
  EXPECT_EQ(*Size("u1"), 3u);
}

TEST_P(DriverTest, AnUploadSurvivesARestart) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "first "));
  Reopen();
  EXPECT_EQ(*Size("u1"), 6u);
  ASSERT_EQ(*Append("u1", "second"), 12u);
  EXPECT_TRUE(Commit("u1", DigestOf("first second")));
}

TEST_P(DriverTest, ATruncatedChunkIsGoneFromTheHashToo) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "keep"));
  ASSERT_TRUE(Append("u1", "drop"));
  ASSERT_TRUE(Run(blobs_->Truncate("acme/app", "u1", 4)));
  EXPECT_EQ(*Size("u1"), 4u);
  ASSERT_EQ(*Append("u1", "!"), 5u);
  EXPECT_TRUE(Commit("u1", DigestOf("keep!")));
}

TEST_P(DriverTest, AFileStaysWhenItsRowsFailAndIsAdoptedWhenPushedAgain) {
  const Digest digest = DigestOf("abc");
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "abc"));
  Result<std::uint64_t> failed = Commit("u1", digest, Error(Errc::kUnavailable, "no"));
  EXPECT_EQ(failed.error().code, Errc::kUnavailable);
  EXPECT_EQ(ContentOf(digest), "abc");
  ASSERT_TRUE(Start("u2"));
  ASSERT_TRUE(Append("u2", "abc"));
  EXPECT_TRUE(Commit("u2", digest));
  EXPECT_EQ(ContentOf(digest), "abc");
}

TEST_P(DriverTest, WhoReadsABlobKeepsItWhenItIsRemoved) {
  const Digest digest = DigestOf("abc");
  ASSERT_TRUE(Run(blobs_->Put(digest, "abc")));
  const Result<BlobContent> content = Run(blobs_->Read(digest));
  ASSERT_TRUE(content);
  ASSERT_TRUE(Run(blobs_->Remove(digest)));
  EXPECT_EQ(Run(blobs_->Read(digest)).error().code, Errc::kNotFound);
  EXPECT_EQ(BytesOf(*content), "abc");
  EXPECT_TRUE(Run(blobs_->Remove(digest))) << "there is nothing left to do";
}

TEST_P(DriverTest, WithoutRoomNothingIsWrittenAndTheUploadWaits) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "abc"));
  Reopen(true);
  EXPECT_EQ(Append("u1", "d").error().code, Errc::kNoSpace);
  EXPECT_EQ(Start("u2").error().code, Errc::kNoSpace);
  EXPECT_EQ(Commit("u1", DigestOf("abc")).error().code, Errc::kNoSpace);
  Reopen();
  EXPECT_EQ(*Size("u1"), 3u);
  EXPECT_TRUE(Commit("u1", DigestOf("abc")));
}

TEST_P(DriverTest, WhoAsksForTheSizeIsInNobodysWay) {
  ASSERT_TRUE(Start("u1"));
  const std::string piece(100'000, 'x');
  for (std::uint64_t size = 0; size < 100 * piece.size(); size += piece.size()) {
    auto appended = runner_.Start(blobs_->Append("acme/app", "u1", {piece.data(), piece.size()}));
    const Result<std::uint64_t> meanwhile = Size("u1");
    ASSERT_TRUE(meanwhile) << meanwhile.error().detail;
    EXPECT_TRUE(*meanwhile == size || *meanwhile == size + piece.size()) << *meanwhile;
    EXPECT_EQ(*testing::LoopRunner::Await(std::move(appended)), size + piece.size());
  }
  // The other way round, where the store knows nothing of it yet.
  Reopen();
  auto asked = runner_.Start(blobs_->UploadSize("acme/app", "u1"));
  EXPECT_EQ(*Append("u1", "y"), 100 * piece.size() + 1);
  EXPECT_TRUE(testing::LoopRunner::Await(std::move(asked)));
  // And while it is made a blob.
  std::optional<Result<std::uint64_t>> inner;
  auto commit = [&](std::uint64_t) -> Task<Result<void>> {
    inner = co_await blobs_->UploadSize("acme/app", "u1");
    co_return Result<void>();
  };
  std::string all;
  for (int i = 0; i < 100; ++i) all += piece;
  ASSERT_TRUE(Run(blobs_->Commit("acme/app", "u1", DigestOf(all + "y"), commit, {})));
  ASSERT_TRUE(inner);
  EXPECT_TRUE(*inner || inner->error().code == Errc::kNotFound);
  EXPECT_EQ(Size("u1").error().code, Errc::kNotFound);
}

TEST_P(DriverTest, OneRequestAtATimeMayWriteToAnUpload) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "abc"));
  Result<std::uint64_t> inner = Error(Errc::kInternal, "not run");
  auto commit = [&](std::uint64_t) -> Task<Result<void>> {
    inner = co_await blobs_->Append("acme/app", "u1", std::span<const char>("d", 1));
    co_return Result<void>();
  };
  ASSERT_TRUE(Run(blobs_->Commit("acme/app", "u1", DigestOf("abc"), commit, {})));
  EXPECT_EQ(inner.error().code, Errc::kConflict);
}

INSTANTIATE_TEST_SUITE_P(Every, DriverTest, ::testing::ValuesIn(Drivers()),
                         [](const auto& driver) { return driver.param.name; });

}  // namespace
}  // namespace portcall::store
