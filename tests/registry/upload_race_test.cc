#include <filesystem>
#include <fstream>
#include <future>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

// Two who want the same upload, one who has given it up, and others who get at its file.
class UploadRaceTest : public ServiceTest {
 protected:
  static std::string Data(const std::filesystem::path& folder) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "docker")) {
      if (entry.path().parent_path().parent_path().filename() == "_uploads" && entry.path().filename() == "data")
        return entry.path().string();
    }
    return "none";
  }
  std::string Begun() { return PathOf(Field(Send({"PATCH", StartUpload("a"), "hello"}), "Location")); }
  http::Response Finish(const std::string& location, const std::string& digest) {
    return Send(Ask("PUT", location + "&digest=" + digest));
  }
};

// A body that comes when the test says so.
class SlowBody final : public http::Body {
 public:
  explicit SlowBody(std::string first, std::string rest) : first_(std::move(first)), rest_(std::move(rest)) {}
  Task<Result<std::size_t>> Read(std::span<char> into) override {
    if (first_.empty() && !released_.exchange(true))
      co_await Suspend<bool>([this](Resume<bool> r) { Rest(std::move(r)); });
    std::string& part = first_.empty() ? rest_ : first_;
    const std::size_t n = part.copy(into.data(), into.size());
    part.erase(0, n);
    co_return n;
  }
  std::optional<std::uint64_t> length() const override { return std::nullopt; }
  void WaitForRest() { resting_.get_future().wait(); }
  void Release() { rest_of_it_(true); }

 private:
  void Rest(Resume<bool> resume) {
    rest_of_it_ = std::move(resume);
    resting_.set_value();
  }
  std::string first_, rest_;
  std::atomic<bool> released_ = false;
  std::promise<void> resting_;
  Resume<bool> rest_of_it_;
};

// A second sender, or a proxy that sends a chunk again, must not end the one that is at work.
TEST_F(UploadRaceTest, ALateChunkIsRefusedAloneAndTheLiveOneGoesOn) {
  const std::string begun = Begun();
  SlowBody body(std::string(300'000, 'x'), "end");
  http::Request request;
  request.method = "PATCH";
  request.target = begun;
  request.peer_ip = "127.0.0.1";
  request.fields.Add("Host", "h");
  request.body = &body;
  RoutedRequest routed = registry_->Read(request);
  auto live = runner_->Start(registry_->Handle(request, routed));
  body.WaitForRest();
  EXPECT_EQ(Send({"PATCH", begun, "hello", {{"Content-Range", "0-4"}}}).status, 416) << "where the upload does not end";
  EXPECT_EQ(Send({"PATCH", begun, "again"}).status, 416) << "with an old Location";
  body.Release();
  const auto done = portcall::testing::LoopRunner::Await(std::move(live));
  ASSERT_EQ(done.status, 202) << BodyOf(done);
  EXPECT_EQ(Finish(PathOf(Field(done, "Location")), Sha256("hello" + std::string(300'000, 'x') + "end")).status, 201);
}

// As after a restart: the client hears where the upload ends now.
TEST_F(UploadRaceTest, WhoseFileWasChangedBetweenTwoRequestsIsToldWhereItEnds) {
  for (const std::string next : {"PATCH", "PUT"}) {
    const std::string begun = Begun();
    std::filesystem::resize_file(Data(dir_.path()), 3);
    const std::string query = next == "PUT" ? "&digest=" + Sha256("hello blob") : "";
    const auto refused = Send({next, begun + query, " blob"});
    EXPECT_EQ(refused.status, 416) << next;
    EXPECT_EQ(CodesOf(BodyOf(refused)), "RANGE_INVALID");
    EXPECT_EQ(Field(refused, "Range"), "0-2");
    const std::string there = PathOf(Field(refused, "Location"));
    EXPECT_EQ(Send({"PUT", there + "&digest=" + Sha256("hello blob"), "lo blob"}).status, 201);
    EXPECT_EQ(BodyOf(Send("GET", "/v2/a/blobs/" + Sha256("hello blob"))), "hello blob");
  }
}

TEST_F(UploadRaceTest, WhatIsNotWhatWasSentIsNoBlob) {
  const std::string begun = Begun();
  std::ofstream(Data(dir_.path()), std::ios::app) << "?????";
  const auto refused = Finish(begun.substr(0, begun.find('?')) + "?", Sha256("hello"));
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(CodesOf(BodyOf(refused)), "DIGEST_INVALID");
  EXPECT_EQ(Send("GET", "/v2/a/blobs/" + Sha256("hello")).status, 404);
}

TEST_F(UploadRaceTest, WhoseFileWasRemovedIsUnknown) {
  const std::string begun = Begun();
  std::filesystem::remove(Data(dir_.path()));
  EXPECT_EQ(CodesOf(BodyOf(Send("GET", begun))), "BLOB_UPLOAD_UNKNOWN");
  EXPECT_EQ(CodesOf(BodyOf(Send({"PATCH", begun, " blob"}))), "BLOB_UPLOAD_UNKNOWN");
  EXPECT_EQ(CodesOf(BodyOf(Finish(begun, Sha256("hello")))), "BLOB_UPLOAD_UNKNOWN");
}

TEST_F(UploadRaceTest, WhoseFileIsChangedWhileABodyComesGetsNoSuccess) {
  for (const std::string target : {"POST", "PATCH"}) {
    const std::string all = std::string(300'000, 'x') + "end";
    SlowBody body(std::string(300'000, 'x'), "end");
    http::Request request;
    request.method = target;
    request.target = target == "POST" ? "/v2/a/blobs/uploads/?digest=" + Sha256(all) : StartUpload("a");
    request.peer_ip = "127.0.0.1";
    request.fields.Add("Host", "h");
    request.body = &body;
    RoutedRequest routed = registry_->Read(request);
    auto live = runner_->Start(registry_->Handle(request, routed));
    body.WaitForRest();
    std::ofstream(Data(dir_.path()), std::ios::app) << "?";
    body.Release();
    const auto done = portcall::testing::LoopRunner::Await(std::move(live));
    EXPECT_EQ(done.status, 503) << target;
    EXPECT_EQ(Field(done, "Retry-After"), "5");
    EXPECT_EQ(Send("GET", "/v2/a/blobs/" + Sha256(all)).status, 404);
    if (target == "PATCH") EXPECT_EQ(Field(Send("GET", request.target), "Range"), "0-0") << "nothing of it stays";
  }
}

// Whoever comes next must not wait behind those that have given up.
TEST_F(UploadRaceTest, WhatNobodyWaitsForIsNotReadAgainAndStays) {
  const std::string begun = Begun();
  std::stop_source client;
  client.request_stop();
  Ask put("PUT", begun + "&digest=" + Sha512("hello"));
  put.gone = client.get_token();
  const auto called_off = Send(put);
  EXPECT_EQ(called_off.status, 503);
  EXPECT_EQ(Field(called_off, "Retry-After"), "5");
  EXPECT_EQ(Finish(begun, Sha512("hello")).status, 201);
}

}  // namespace
}  // namespace portcall::registry
