#include "store/blobs/fs/fs_blob_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/files.h"
#include "store/blobs/fs/filesystem.h"
#include "tests/blobs/contract/driver.h"

namespace {

std::atomic<const char*> failing_sync = nullptr;  // what has this in its path cannot be synced
// Called with the path of what is synced.
void (*at_sync)(const std::string& path) = nullptr;

}  // namespace

// Takes the place of the C library's.
extern "C" int fsync(int fd) {
  const char* failing = failing_sync;
  std::error_code none;
  const std::string path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), none);
  if (at_sync != nullptr) at_sync(path);
  if (failing == nullptr || path.find(failing) == std::string::npos) return static_cast<int>(syscall(SYS_fsync, fd));
  errno = EIO;
  return -1;
}

namespace portcall::store {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t OpenFiles() {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

class BlobsTest : public BlobsFixture {
 protected:
  static constexpr std::size_t kOpenUploads = 4;
  Result<std::unique_ptr<BlobStore>> Opened(bool) override {
    return OpenFilesystem(dir_.path(), {pool_, hashing_}, locks_, {.open_uploads = kOpenUploads});
  }
  ~BlobsTest() override { LetHash(); }
  // What is to be read again and hashed waits.
  void HoldHashing() {
    asio::post(hashing_, [held = until_.get_future().share()] { held.wait(); });
  }
  void LetHash() {
    if (!std::exchange(released_, true)) until_.set_value();
  }
  std::future<Result<std::uint64_t>> StartCommit(const std::string& uuid, const Digest& digest,
                                                 std::stop_token gone = {}) {
    auto commit = [](std::uint64_t) -> Task<Result<void>> { co_return Result<void>(); };
    return runner_.Start(blobs_->Commit("acme/app", uuid, digest, commit, std::move(gone)));
  }
  fs::path BlobPath(const Digest& d) const {
    return dir_.path() / "docker/registry/v2/blobs" / d.algorithm() / d.hex().substr(0, 2) / d.hex() / "data";
  }
  fs::path UploadFolder(const std::string& uuid) const {
    return dir_.path() / "docker/registry/v2/repositories/acme/app/_uploads" / uuid;
  }

  asio::thread_pool hashing_{1};
  std::promise<void> until_;
  bool released_ = false;
};

TEST_F(BlobsTest, WhatWasAnnouncedIsHashedAsItComes) {
  HoldHashing();
  for (const std::string algorithm : {"sha512", "sha256"}) {
    ASSERT_TRUE(Start(algorithm));
    blobs_->Expect("acme/app", algorithm, algorithm);
    ASSERT_TRUE(Append(algorithm, "hello "));
    blobs_->Expect("acme/app", algorithm, "sha512");  // too late
    ASSERT_TRUE(Append(algorithm, algorithm));
    ASSERT_TRUE(Commit(algorithm, DigestOf("hello " + algorithm, algorithm)));
  }
  ASSERT_TRUE(Start("cut"));
  blobs_->Expect("acme/app", "cut", "sha512");
  ASSERT_TRUE(Append("cut", "refused"));
  ASSERT_TRUE(Run(blobs_->Truncate("acme/app", "cut", 0)));
  ASSERT_TRUE(Append("cut", "taken"));
  ASSERT_TRUE(Commit("cut", DigestOf("taken", "sha512")));
}

TEST_F(BlobsTest, IdleUploadsKeepFewFilesOpenAndAllOfTheirHashes) {
  constexpr int kUploads = 40;
  const std::size_t before = OpenFiles();
  for (int i = 0; i < kUploads; ++i) {
    ASSERT_TRUE(Start(std::to_string(i)));
    ASSERT_TRUE(Append(std::to_string(i), "hello "));
  }
  pool_.join();  // what is closed is closed there
  EXPECT_LE(OpenFiles(), before + kOpenUploads);
}

TEST_F(BlobsTest, AnUploadWhoseFileWasClosedGoesOn) {
  constexpr int kUploads = 40;
  HoldHashing();
  for (int i = 0; i < kUploads; ++i) {
    ASSERT_TRUE(Start(std::to_string(i)));
    ASSERT_TRUE(Append(std::to_string(i), "hello "));
  }
  for (int i = 0; i < kUploads; ++i) {
    const std::string uuid = std::to_string(i);
    ASSERT_EQ(*Size(uuid), 6u);
    ASSERT_EQ(*Append(uuid, uuid), 6 + uuid.size());
  }
  for (int i = 3; i < kUploads; ++i) {
    EXPECT_TRUE(Commit(std::to_string(i), DigestOf("hello " + std::to_string(i)))) << i << " is not read again";
  }
  LetHash();
  ASSERT_TRUE(Run(blobs_->Truncate("acme/app", "0", 5)));
  EXPECT_EQ(*Commit("0", DigestOf("hello")), 5u);
  std::ofstream(UploadFolder("1") / "data", std::ios::app) << "!";
  EXPECT_EQ(*Commit("1", DigestOf("hello 1!")), 8u) << "the file is the truth";
  fs::remove_all(UploadFolder("2"));
  EXPECT_EQ(Append("2", "x").error().code, Errc::kNotFound);
}

TEST_F(BlobsTest, AnUploadThatIsChangedWhileItEndsIsNoBlobAndIsReadAgain) {
  ASSERT_TRUE(Start("u1"));
  ASSERT_TRUE(Append("u1", "hello"));
  at_sync = [](const std::string& path) {
    if (path.ends_with("u1/data")) std::ofstream(path, std::ios::app) << "!";
  };
  const Result<std::uint64_t> ended = Commit("u1", DigestOf("hello"));
  at_sync = nullptr;
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::kUnavailable);
  EXPECT_NE(ended.error().detail.find("u1/data"), std::string::npos) << ended.error().detail;
  EXPECT_EQ(ContentOf(DigestOf("hello")), "none");
  EXPECT_EQ(*Size("u1"), 6u);
  EXPECT_TRUE(Commit("u1", DigestOf("hello!")));
}

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)  // which need descriptors of their own
TEST_F(BlobsTest, WhereDescriptorsHaveRunOutIdleUploadsGiveTheirs) {
  ASSERT_TRUE(Run(blobs_->Put(DigestOf("abc"), "abc")));
  for (std::size_t i = 0; i < kOpenUploads; ++i) ASSERT_TRUE(Start(std::to_string(i)));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{std::min<rlim_t>(256, before.rlim_max), before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::vector<runtime::Fd> taken;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken.emplace_back(fd);
  EXPECT_EQ(errno, EMFILE);
  EXPECT_EQ(ContentOf(DigestOf("abc")), "abc");
  EXPECT_TRUE(Start("more"));
  EXPECT_TRUE(Append("0", "hello"));
  taken.clear();
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(Commit("0", DigestOf("hello")));
}
#endif

TEST_F(BlobsTest, AnUploadThatIsHashedAgainDelaysNothingElse) {
  const std::string large(3 << 20, 'x');  // some pieces
  ASSERT_TRUE(Start("again"));
  ASSERT_TRUE(Append("again", large));
  HoldHashing();
  auto again = StartCommit("again", DigestOf(large, "sha512"));
  EXPECT_EQ(*Size("again"), large.size());
  ASSERT_TRUE(Start("other"));
  ASSERT_TRUE(Append("other", "abc"));
  ASSERT_TRUE(Commit("other", DigestOf("abc")));
  EXPECT_EQ(ContentOf(DigestOf("abc")), "abc");
  LetHash();
  EXPECT_EQ(*testing::LoopRunner::Await(std::move(again)), large.size());
  EXPECT_EQ(ContentOf(DigestOf(large, "sha512")), large);
}

TEST_F(BlobsTest, AStopEndsHashingAgainAndTheUploadStays) {
  const std::string large(3 << 20, 'x');
  ASSERT_TRUE(Start("again"));
  ASSERT_TRUE(Append("again", large));
  HoldHashing();
  auto again = StartCommit("again", DigestOf(large, "sha512"));
  blobs_->Stop(std::chrono::steady_clock::now());
  LetHash();
  const auto ended = testing::LoopRunner::Await(std::move(again));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::kUnavailable);
  Reopen();
  EXPECT_EQ(*Commit("again", DigestOf(large, "sha512")), large.size());
}

// A stop may have patience with what has begun; what has not would only be cut later.
TEST_F(BlobsTest, AStopCallsOffWhatWaitsToBeHashedAgain) {
  ASSERT_TRUE(Start("again"));
  ASSERT_TRUE(Append("again", "abc"));
  HoldHashing();
  auto again = StartCommit("again", DigestOf("abc", "sha512"));
  blobs_->Stop(std::chrono::steady_clock::now() + std::chrono::hours(1));
  LetHash();
  EXPECT_EQ(testing::LoopRunner::Await(std::move(again)).error().code, Errc::kUnavailable);
  EXPECT_EQ(*Size("again"), 3u);
}

TEST_F(BlobsTest, WhoHasGoneIsNotHashedForAndTheUploadStays) {
  const std::string large(3 << 20, 'x');
  ASSERT_TRUE(Start("again"));
  ASSERT_TRUE(Append("again", large));
  HoldHashing();
  std::stop_source client;
  auto again = StartCommit("again", DigestOf(large, "sha512"), client.get_token());
  client.request_stop();
  LetHash();
  EXPECT_EQ(testing::LoopRunner::Await(std::move(again)).error().code, Errc::kUnavailable);
  EXPECT_EQ(*Commit("again", DigestOf(large, "sha512")), large.size()) << "who comes again is served";
}

TEST_F(BlobsTest, WhatIsReadAgainHoldsUpNobodyWhoBringsTheSame) {
  const Digest digest = DigestOf("same", "sha512");
  for (const char* uuid : {"again", "hashed"}) {
    ASSERT_TRUE(Start(uuid));
    if (uuid == std::string_view("hashed")) blobs_->Expect("acme/app", uuid, "sha512");
    ASSERT_TRUE(Append(uuid, "same"));
  }
  HoldHashing();
  auto again = StartCommit("again", digest);
  auto hashed = StartCommit("hashed", digest);
  EXPECT_EQ(hashed.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  LetHash();
  EXPECT_EQ(*testing::LoopRunner::Await(std::move(hashed)), 4u);
  EXPECT_EQ(*testing::LoopRunner::Await(std::move(again)), 4u);
}

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

// What is not synced may be gone with the next loss of power: nobody may be told that it is there.
TEST_F(BlobsTest, WhatIsNotSyncedIsNotTaken) {
  const Digest digest = DigestOf("abc");
  const std::string name(digest.hex());
  for (const char* failing : {"u1/data", name.c_str()}) {
    ASSERT_TRUE(Start("u1"));
    ASSERT_TRUE(Append("u1", "abc"));
    failing_sync = failing;
    EXPECT_FALSE(Commit("u1", digest)) << failing;
    failing_sync = nullptr;
    EXPECT_EQ(committed_size_, 0u) << "no row is written";
    ASSERT_TRUE(Run(blobs_->DropUpload("acme/app", "u1")));
  }
  for (const char* failing : {".portcall-temporary/", name.c_str()}) {
    failing_sync = failing;
    EXPECT_FALSE(Run(blobs_->Put(digest, "abc"))) << failing;
    failing_sync = nullptr;
  }
  EXPECT_TRUE(Run(blobs_->Put(digest, "abc")));
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
