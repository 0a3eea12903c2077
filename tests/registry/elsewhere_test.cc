#include "registry/http/handlers.h"
#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

// Blobs as a driver keeps them that has no files to give: what is read comes in pieces, or the client fetches it
// itself.
class RemoteBlobs final : public store::BlobStore {
 public:
  enum class Way { kStream, kRedirect };
  RemoteBlobs(std::unique_ptr<store::BlobStore> inner, Way way) : inner_(std::move(inner)), way_(way) {}

  Task<Result<store::BlobContent>> Read(store::Digest digest) override {
    const Result<store::BlobContent> content = co_await inner_->Read(digest);
    if (!content) co_return content.error();
    const auto& file = std::get<store::BlobFile>(*content);
    if (way_ == Way::kRedirect) {
      co_return store::BlobContent(store::BlobRedirect{"https://bucket.example/" + digest.text(), file.size});
    }
    auto read = [file](std::uint64_t offset, std::span<char> into) { return Piece(file, offset, into); };
    co_return store::BlobContent(store::BlobStream{read, file.size});
  }
  Task<Result<void>> StartUpload(std::string r, std::string u) override { return inner_->StartUpload(r, u); }
  Task<Result<std::uint64_t>> UploadSize(std::string r, std::string u) override { return inner_->UploadSize(r, u); }
  Task<Result<void>> DropUpload(std::string r, std::string u) override { return inner_->DropUpload(r, u); }
  std::unique_ptr<store::UploadWalk> WalkUploads() override { return inner_->WalkUploads(); }
  Task<Result<std::uint64_t>> Append(std::string r, std::string u, std::span<const char> bytes) override {
    return inner_->Append(r, u, bytes);
  }
  void Expect(const std::string& r, const std::string& u, std::string_view algorithm) override {
    inner_->Expect(r, u, algorithm);
  }
  Task<Result<void>> Truncate(std::string r, std::string u, std::uint64_t size) override {
    return inner_->Truncate(r, u, size);
  }
  Task<Result<std::uint64_t>> Commit(std::string r, std::string u, store::Digest digest,
                                     std::function<Task<Result<void>>(std::uint64_t size)> commit,
                                     std::stop_token gone) override {
    return inner_->Commit(r, u, digest, commit, gone);
  }
  Task<Result<void>> Put(store::Digest digest, std::string bytes) override { return inner_->Put(digest, bytes); }
  Task<Result<void>> Remove(store::Digest digest) override { return inner_->Remove(digest); }
  void Stop(std::chrono::steady_clock::time_point until) override { inner_->Stop(until); }

 private:
  static Task<Result<std::size_t>> Piece(store::BlobFile file, std::uint64_t offset, std::span<char> into) {
    const ssize_t n = pread(file.fd, into.data(), std::min<std::size_t>(into.size(), 3), static_cast<off_t>(offset));
    co_return static_cast<std::size_t>(n);
  }
  std::unique_ptr<store::BlobStore> inner_;
  Way way_;
};

class ElsewhereTest : public ServiceTest {
 protected:
  void Use(RemoteBlobs::Way way) {
    registry_.reset();
    blobs_ = std::make_unique<RemoteBlobs>(std::move(blobs_), way);
    Restart();
  }
  std::string Streamed(const http::Response& response) {
    const auto& stream = std::get<http::StreamRange>(response.body);
    std::string bytes(stream.length, '\0');
    for (std::size_t at = 0; at < bytes.size();) {
      const auto read = runner_->Run(stream.read(stream.offset + at, std::span(bytes).subspan(at)));
      EXPECT_TRUE(read && *read > 0);
      if (!read || *read == 0) break;
      at += *read;
    }
    return bytes;
  }
};

TEST_F(ElsewhereTest, WhatHasNoFileIsStreamed) {
  Use(RemoteBlobs::Way::kStream);
  const std::string path = "/v2/acme/app/blobs/" + PushBlob("acme/app", "hello blob");
  const auto whole = Send("GET", path);
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body_size(), 10u);
  EXPECT_EQ(Streamed(whole), "hello blob");
  const auto part = Send(Ask("GET", path, "", {{"Range", "bytes=6-8"}}));
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(Streamed(part), "blo");
  EXPECT_EQ(Send("HEAD", path).head_length, 10u);
}

TEST_F(ElsewhereTest, WhatTheClientCanFetchItselfIsARedirect) {
  Use(RemoteBlobs::Way::kRedirect);
  const std::string digest = PushBlob("acme/app", "hello blob");
  const std::string path = "/v2/acme/app/blobs/" + digest;
  const store::Seq before = Head();
  const auto moved = Send(Ask("GET", path, "", {{"Range", "bytes=6-8"}}));
  EXPECT_EQ(moved.status, 307);
  EXPECT_EQ(Field(moved, "Location"), "https://bucket.example/" + digest);
  EXPECT_EQ(Field(moved, "Cache-Control"), "") << "the place is there for minutes only";
  EXPECT_EQ(moved.body_size(), 0u);
  EXPECT_EQ(SaidAfter(before), std::vector<std::string>{"pull blob"});
  const auto head = Send("HEAD", path);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.head_length, 10u);
  EXPECT_EQ(Send(Ask("POST", "/v2/acme/other/blobs/uploads/?mount=" + digest + "&from=acme/app", "")).status, 201);
}

}  // namespace
}  // namespace portcall::registry
