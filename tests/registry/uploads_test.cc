#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "runtime/time.h"
#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

class UploadsTest : public ServiceTest {
 protected:
  http::Response Patch(const std::string& path, std::string body, const std::string& range = {}) {
    Ask ask("PATCH", path, std::move(body), {{"Content-Type", "application/octet-stream"}});
    if (!range.empty()) ask.fields.emplace_back("Content-Range", range);
    return Send(std::move(ask));
  }
  // The Location of an upload that goes on, after checking what it must carry.
  std::string Next(const http::Response& response, int status, const std::string& range) {
    EXPECT_EQ(response.status, status) << BodyOf(response);
    EXPECT_EQ(Field(response, "Range"), range);
    EXPECT_TRUE(runtime::IsUuid(Field(response, "Docker-Upload-Uuid")));
    return PathOf(Field(response, "Location"));
  }
  static std::string WithoutState(const std::string& location) { return location.substr(0, location.find('?')); }
  http::Response Finish(const std::string& location, const std::string& digest, std::string body = {}) {
    const char joint = location.find('?') == std::string::npos ? '?' : '&';
    return Send(Ask("PUT", location + joint + "digest=" + digest, std::move(body)));
  }
};

TEST_F(UploadsTest, DockersWay) {
  const auto started = Send("POST", "/v2/a/b/blobs/uploads/");
  std::string location = Next(started, 202, "0-0");
  EXPECT_TRUE(Field(started, "Location").starts_with("http://127.0.0.1:5600/v2/a/b/blobs/uploads/"));
  EXPECT_EQ(started.handler, "blob_upload");
  Ask chunk("PATCH", location, "hello ");
  chunk.chunked = true;
  location = Next(Send(chunk), 202, "0-5");
  chunk.target = location;
  chunk.body = "blob";
  location = Next(Send(chunk), 202, "0-9");
  const auto done = Finish(location, Sha256("hello blob"));
  EXPECT_EQ(done.status, 201);
  EXPECT_EQ(Field(done, "Docker-Content-Digest"), Sha256("hello blob"));
  EXPECT_EQ(Field(done, "Location"), "http://127.0.0.1:5600/v2/a/b/blobs/" + Sha256("hello blob"));
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/b/blobs/" + Sha256("hello blob"))), "hello blob");
  EXPECT_EQ(Send("GET", location).status, 404) << "a finished upload is gone";
}

TEST_F(UploadsTest, OnePutAndTheWholeInOnePost) {
  EXPECT_EQ(Finish(StartUpload("a"), Sha256("hello"), "hello").status, 201);
  const auto posted = Send(Ask("POST", "/v2/a/blobs/uploads/?digest=" + Sha256("whole"), "whole"));
  EXPECT_EQ(posted.status, 201);
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/blobs/" + Sha256("whole"))), "whole");
}

TEST_F(UploadsTest, LargeBodiesArriveWhole) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes += std::to_string(i);
  const auto location = Next(Patch(StartUpload("a"), bytes), 202, "0-" + std::to_string(bytes.size() - 1));
  EXPECT_EQ(Finish(location, Sha256(bytes + "end"), "end").status, 201);
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/blobs/" + Sha256(bytes + "end"))), bytes + "end");
}

// What is announced before the first byte is hashed as it comes: nothing waits for a second look at it.
TEST_F(UploadsTest, ASha512IsKnownAtTheEndWhereItWasAnnounced) {
  const std::string bytes = "hello";
  HoldHashing();
  EXPECT_EQ(Send({"POST", "/v2/a/blobs/uploads/?digest=" + Sha512(bytes), bytes}).status, 201);
  EXPECT_EQ(Finish(StartUpload("b"), Sha512(bytes), bytes).status, 201);
  const auto started = Send("POST", "/v2/c/blobs/uploads/?digest-algorithm=sha512");
  ASSERT_EQ(started.status, 202);
  const auto sent = Send({"PATCH", PathOf(Field(started, "Location")), bytes});
  ASSERT_EQ(sent.status, 202);
  EXPECT_EQ(Finish(PathOf(Field(sent, "Location")), Sha512(bytes)).status, 201);

  EXPECT_EQ(Send("POST", "/v2/d/blobs/uploads/?digest-algorithm=md5").status, 202) << "a hint, no demand";
  LetHash();
  const auto silent = Send({"PATCH", StartUpload("e"), bytes});
  EXPECT_EQ(Finish(PathOf(Field(silent, "Location")), Sha512(bytes)).status, 201) << "read again";
}

TEST_F(UploadsTest, CountedChunksInOrder) {
  std::string location = Next(Patch(StartUpload("a"), "hello ", "0-5"), 202, "0-5");
  location = Next(Patch(location, "bl", "6-7"), 202, "0-7");
  Ask last("PUT", location + "&digest=" + Sha256("hello blob"), "ob", {{"Content-Range", "8-9"}});
  EXPECT_EQ(Send(last).status, 201);
}

TEST_F(UploadsTest, ChunksOutOfOrderAreRefusedWithTheWayBack) {
  std::string location = StartUpload("a");
  const auto early = Patch(location, "later", "5-9");
  EXPECT_EQ(CodesOf(BodyOf(early)), "RANGE_INVALID");
  location = Next(early, 416, "0-0");
  location = Next(Patch(location, "hello", "0-4"), 202, "0-4");
  const auto twice = Patch(location, "hello", "0-4");
  location = Next(twice, 416, "0-4");
  EXPECT_EQ(Patch(location, "x", "nonsense").status, 416);
  location = Next(Send("GET", location), 204, "0-4");
  EXPECT_EQ(Finish(location, Sha256("hello")).status, 201);
}

TEST_F(UploadsTest, ALengthThatDiffersFromTheRangeLeavesNothing) {
  const std::string location = StartUpload("a");
  EXPECT_EQ(CodesOf(BodyOf(Patch(location, "hello", "0-3"))), "SIZE_INVALID");
  Ask chunk("PATCH", location, "hello", {{"Content-Range", "0-9"}});
  chunk.chunked = true;
  EXPECT_EQ(CodesOf(BodyOf(Send(chunk))), "SIZE_INVALID");
  Next(Send("GET", location), 204, "0-0");
}

TEST_F(UploadsTest, AnOldStateIsRefusedWithTheWayBack) {
  const std::string first = StartUpload("a");
  Next(Patch(first, "hello"), 202, "0-4");
  const std::string location = Next(Patch(first, "hello"), 416, "0-4");
  EXPECT_EQ(Finish(first, Sha256("hello")).status, 416);
  EXPECT_EQ(Finish(location, Sha256("hello")).status, 201);
}

TEST_F(UploadsTest, ThePathAloneIsEnough) {
  const std::string path = WithoutState(StartUpload("a"));
  EXPECT_EQ(Patch(path, "hello ").status, 202);
  EXPECT_EQ(Patch(path, "blob").status, 202);
  EXPECT_EQ(Finish(path, Sha256("hello blob")).status, 201);
}

TEST_F(UploadsTest, ForgedStatesAndOtherRepositoriesAreRefused) {
  const std::string location = StartUpload("a");
  std::string forged = location;
  forged.replace(forged.find("_state=") + 10, 2, "AA");
  EXPECT_EQ(CodesOf(BodyOf(Patch(forged, "x"))), "BLOB_UPLOAD_INVALID");
  const std::string state = location.substr(location.find('?'));
  const std::string other = WithoutState(StartUpload("a"));
  EXPECT_EQ(CodesOf(BodyOf(Patch(other + state, "x"))), "BLOB_UPLOAD_INVALID");
  std::string elsewhere = location;
  elsewhere.replace(elsewhere.find("/v2/a/"), 6, "/v2/b/");
  EXPECT_EQ(CodesOf(BodyOf(Patch(elsewhere, "x"))), "BLOB_UPLOAD_INVALID");
  EXPECT_EQ(Patch(WithoutState(elsewhere), "x").status, 404);
  EXPECT_EQ(Patch("/v2/a/blobs/uploads/..", "x").status, 404);
  EXPECT_EQ(Patch("/v2/a/blobs/uploads/0b872476-96e0-4f47-ba33-e1187ace6623", "x").status, 404);
}

TEST_F(UploadsTest, AWrongDigestEndsTheUpload) {
  const std::string zeros = "sha256:" + std::string(64, '0');
  const std::string location = Next(Patch(StartUpload("a"), "hello"), 202, "0-4");
  const store::Seq head = Head();
  const auto response = Finish(location, zeros, " blob");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(CodesOf(BodyOf(response)), "DIGEST_INVALID");
  EXPECT_EQ(Send("GET", location).status, 404);
  EXPECT_EQ(Send("GET", "/v2/a/blobs/" + Sha256("hello blob")).status, 404);
  EXPECT_EQ(Send(Ask("POST", "/v2/a/blobs/uploads/?digest=" + zeros, "hello")).status, 400);
  EXPECT_EQ(Head(), head);
  EXPECT_EQ(Send("GET", "/v2/a/tags/list").status, 404) << "no repository came of it";
  Restart();
  clock_.Advance(std::chrono::hours(1'000));
  EXPECT_EQ(runner_->Run(registry_->PurgeUploads({}))->found, 0u) << "nothing of it is left to be purged";
}

TEST_F(UploadsTest, AMissingOrMalformedDigestLeavesTheUpload) {
  const std::string location = StartUpload("a");
  const auto missing = Send(Ask("PUT", location, "hello"));
  EXPECT_EQ(BodyOf(missing),
            "{\"errors\":[{\"code\":\"DIGEST_INVALID\",\"message\":\"provided digest did not match uploaded content\","
            "\"detail\":\"digest missing\"}]}\n");
  const auto malformed = Finish(location, "foo:bar", "hello");
  EXPECT_NE(BodyOf(malformed).find("\"digest parsing failed\""), std::string::npos);
  EXPECT_EQ(Send("POST", "/v2/a/blobs/uploads/?digest=foo:bar").status, 400);
  EXPECT_EQ(Finish(location, Sha256("hello"), "hello").status, 201);
}

TEST_F(UploadsTest, CancellingRemovesIt) {
  const std::string location = StartUpload("a");
  const auto cancelled = Send("DELETE", location);
  EXPECT_EQ(cancelled.status, 204);
  EXPECT_FALSE(Field(cancelled, "Docker-Upload-Uuid").empty());
  EXPECT_EQ(CodesOf(BodyOf(Send("DELETE", location))), "BLOB_UPLOAD_UNKNOWN");
}

TEST_F(UploadsTest, ABodyCutShort) {
  const std::string location = StartUpload("a");
  Ask counted("PATCH", location, "hello", {{"Content-Range", "0-5"}});
  counted.cut = true;
  EXPECT_EQ(Send(counted).status, 400);
  Next(Send("GET", location), 204, "0-0");
  Ask streamed("PATCH", location, "hello");
  streamed.cut = true;
  EXPECT_TRUE(Send(streamed).close);
  const std::string rest = Next(Send("HEAD", location), 204, "0-4");
  Ask last("PUT", rest + "&digest=" + Sha256("hello blob"), " blo");
  last.cut = true;
  EXPECT_EQ(Send(last).status, 400);
  EXPECT_EQ(Finish(rest, Sha256("hello blob"), " blob").status, 201);
}

TEST_F(UploadsTest, UploadsSurviveARestart) {
  config_.http.secret = "a secret of the file";
  Reconfigure();
  const std::string location = Next(Patch(StartUpload("a"), "hello"), 202, "0-4");
  Restart();
  EXPECT_EQ(Finish(location, Sha256("hello blob"), " blob").status, 201);
}

TEST_F(UploadsTest, StartingOneWaitsForNoCommit) {
  const std::uint64_t before = store_->stats().commits;
  const std::string location = StartUpload("a");
  EXPECT_EQ(store_->stats().commits, before);
  EXPECT_EQ(Finish(location, Sha256("hello"), "hello").status, 201);
  Restart();
  const auto rows = store_->ReadNow([](store::Snapshot& s) -> Result<std::vector<store::UploadRow>> {
    return store::UploadsStartedBefore(s, INT64_MAX, 10);
  });
  EXPECT_TRUE(rows->empty()) << "an upload that ended leaves nothing to purge";
}

TEST_F(UploadsTest, OldUploadsArePurged) {
  config_.http.secret = "a secret of the file";
  Reconfigure();
  const std::string old = StartUpload("a");
  clock_.Advance(std::chrono::hours(100));
  const std::string young = StartUpload("a");
  Restart();  // what is noted is in the catalog then
  clock_.Advance(std::chrono::hours(100));
  config_.storage.upload_purging_dry_run = true;
  Reconfigure();
  Result<Purged> purged = runner_->Run(registry_->PurgeUploads({}));
  EXPECT_EQ(purged->found, 1u);
  EXPECT_EQ(purged->deleted, 0u);
  EXPECT_EQ(Send("GET", old).status, 204) << "a dry run removes nothing";
  config_.storage.upload_purging_dry_run = false;
  Reconfigure();
  purged = runner_->Run(registry_->PurgeUploads({}));
  EXPECT_EQ(purged->found, 1u);
  EXPECT_EQ(purged->deleted, 1u);
  EXPECT_EQ(Send("GET", old).status, 404);
  EXPECT_EQ(Send("GET", young).status, 204);
  EXPECT_EQ(runner_->Run(registry_->PurgeUploads({}))->found, 0u);
}

TEST_F(UploadsTest, APurgeEndsWhenItIsAskedTo) {
  StartUpload("a");
  Restart();  // it has a row then
  const std::string lone = (dir_.path() / "docker/registry/v2/repositories/b/_uploads/").string() + runtime::UuidV4();
  std::filesystem::create_directories(lone);
  std::ofstream(lone + "/startedat") << "2000-01-01T00:00:00Z";
  clock_.Advance(std::chrono::hours(1'000));
  std::stop_source stopping;
  stopping.request_stop();
  EXPECT_EQ(runner_->Run(registry_->PurgeUploads(stopping.get_token()))->deleted, 0u);
  EXPECT_EQ(runner_->Run(registry_->PurgeUploads({}))->deleted, 2u);
}

// As a kill -9 in an upload's first second leaves them, and docker-registry.
TEST_F(UploadsTest, OldUploadsWithoutARowArePurgedToo) {
  const std::string uploads = (dir_.path() / "docker/registry/v2/repositories/b/c/_uploads/").string();
  const auto leave = [&](const std::string& uuid, const std::string& started) {
    std::filesystem::create_directories(uploads + uuid);
    std::ofstream(uploads + uuid + "/data") << "bytes";
    std::ofstream(uploads + uuid + "/startedat") << started;
  };
  for (int i = 0; i < 600; ++i) leave(runtime::UuidV4(), "2000-01-01T00:00:00Z");
  const std::string young = runtime::UuidV4();
  leave(young, runtime::Rfc3339Nano(clock_.Now().time_since_epoch().count()));
  config_.storage.upload_purging_dry_run = true;
  Reconfigure();
  EXPECT_EQ(runner_->Run(registry_->PurgeUploads({}))->found, 600u);
  config_.storage.upload_purging_dry_run = false;
  Reconfigure();
  const Result<Purged> purged = runner_->Run(registry_->PurgeUploads({}));
  EXPECT_EQ(purged->found, 600u);
  EXPECT_EQ(purged->deleted, 600u);
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(uploads)) left.push_back(entry.path().filename());
  EXPECT_EQ(left, std::vector<std::string>{young});
}

TEST_F(UploadsTest, WhatCannotBePurgedIsInNobodysWay) {
  StartUpload("a");                    // and the repository's folder is there
  constexpr std::size_t kStuck = 300;  // more than are looked at together
  const auto put = store_->WriteNow([](store::Tx& tx) -> Result<void> {
    for (std::size_t i = 0; i < kStuck; ++i) {
      store::PutUpload(tx, {std::string(300, 'u') + std::to_string(i), "a", 1});  // no file can have such a name
    }
    store::PutUpload(tx, {"last", "a", 2});
    return {};
  });
  ASSERT_TRUE(put);
  const Result<Purged> purged = runner_->Run(registry_->PurgeUploads({}));
  ASSERT_TRUE(purged);
  EXPECT_EQ(purged->found, kStuck + 1);
  EXPECT_EQ(purged->failed, kStuck);
  EXPECT_EQ(purged->deleted, 1u);
}

TEST_F(UploadsTest, ABodyThatTheDiskHasNoRoomForLeavesNothingOnIt) {
  const std::string location = StartUpload("a");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit full{1 << 20, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &full);
  Ask streamed("PATCH", location, std::string(3 << 20, 'x'));
  streamed.chunked = true;
  const int status = Send(streamed).status;
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(status, 503);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.path() / "docker")) {
    if (entry.path().filename() == "data") EXPECT_EQ(entry.file_size(), 0u);
  }
  Next(Send("GET", location), 204, "0-0");
  EXPECT_EQ(Finish(location, Sha256("hello"), "hello").status, 201);
}

TEST_F(UploadsTest, AStatusIsToldWhateverIsDoneToTheUpload) {
  const std::string location = StartUpload("a");
  const std::string bytes(3 << 20, 'x');
  FakeBody body(bytes);
  http::Request request;
  request.method = "PATCH";
  request.target = location;
  request.peer_ip = "127.0.0.1";
  request.fields.Add("Host", "h");
  request.body = &body;
  RoutedRequest routed = registry_->Read(request);
  auto patched = runner_->Start(registry_->Handle(request, routed));
  while (patched.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    ASSERT_EQ(Send("GET", location).status, 204);
  }
  const http::Response taken = patched.get();
  ASSERT_EQ(taken.status, 202);

  // Read again for a digest that nobody announced.
  HoldHashing();
  const std::string rest = PathOf(Field(taken, "Location"));
  FakeBody none("");
  http::Request last;
  last.method = "PUT";
  last.target = rest + "&digest=" + Sha512(bytes);
  last.peer_ip = "127.0.0.1";
  last.fields.Add("Host", "h");
  last.body = &none;
  RoutedRequest routed_last = registry_->Read(last);
  auto finished = runner_->Start(registry_->Handle(last, routed_last));
  const auto status = Send("GET", rest);
  EXPECT_EQ(status.status, 204);
  EXPECT_EQ(Field(status, "Range"), "0-" + std::to_string(bytes.size() - 1));
  LetHash();
  EXPECT_EQ(finished.get().status, 201);
}

TEST_F(UploadsTest, OneWriterAtATimeAndNoCorruption) {
  const std::string path = WithoutState(StartUpload("a"));
  const std::string half(400'000, 'x');
  FakeBody one(half), two(half);
  std::vector<http::Request> requests(2);
  for (std::size_t i = 0; i < 2; ++i) {
    requests[i].method = "PATCH";
    requests[i].target = path;
    requests[i].peer_ip = "127.0.0.1";
    requests[i].fields.Add("Host", "h");
    requests[i].body = i == 0 ? &one : &two;
  }
  RoutedRequest routed[] = {registry_->Read(requests[0]), registry_->Read(requests[1])};
  auto first = runner_->Start(registry_->Handle(requests[0], routed[0]));
  auto second = runner_->Start(registry_->Handle(requests[1], routed[1]));
  const int a = first.get().status, b = second.get().status;
  const std::size_t taken = static_cast<std::size_t>((a == 202) + (b == 202));
  EXPECT_TRUE(a == 202 || a == 416) << a;
  EXPECT_TRUE(b == 202 || b == 416) << b;
  ASSERT_GE(taken, 1u);
  EXPECT_EQ(Finish(path, Sha256(std::string(half.size() * taken, 'x'))).status, 201);
}

}  // namespace
}  // namespace portcall::registry
