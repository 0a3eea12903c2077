#include <filesystem>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

class BlobsTest : public ServiceTest {
 protected:
  BlobsTest() : digest_(PushBlob("a/b", "hello blob")), path_("/v2/a/b/blobs/" + digest_) {}
  http::Response GetRange(const std::string& range) { return Send(Ask("GET", path_, "", {{"Range", range}})); }
  std::string digest_, path_;
};

TEST_F(BlobsTest, GetAndHeadAgree) {
  const auto get = Send("GET", path_), head = Send("HEAD", path_);
  EXPECT_EQ(BodyOf(get), "hello blob");
  EXPECT_EQ(BodyOf(head), "");
  EXPECT_EQ(head.head_length, 10u);
  for (const auto& response : {get, head}) {
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(Field(response, "Docker-Content-Digest"), digest_);
    EXPECT_EQ(Field(response, "Etag"), "\"" + digest_ + "\"");
    EXPECT_EQ(Field(response, "Accept-Ranges"), "bytes");
    EXPECT_EQ(Field(response, "Cache-Control"), "max-age=31536000");
    EXPECT_EQ(Field(response, "Content-Type"), "application/octet-stream");
    EXPECT_EQ(response.handler, "blob");
  }
}

TEST_F(BlobsTest, PartsOfABlob) {
  const auto middle = GetRange("bytes=2-4");
  EXPECT_EQ(middle.status, 206);
  EXPECT_EQ(BodyOf(middle), "llo");
  EXPECT_EQ(Field(middle, "Content-Range"), "bytes 2-4/10");
  const auto suffix = GetRange("bytes=-3");
  EXPECT_EQ(BodyOf(suffix), "lob");
  EXPECT_EQ(Field(suffix, "Content-Range"), "bytes 7-9/10");
  const auto rest = GetRange("bytes=6-");
  EXPECT_EQ(BodyOf(rest), "blob");
  const auto several = GetRange("bytes=0-1,4-5");
  EXPECT_EQ(several.status, 200);
  EXPECT_EQ(BodyOf(several), "hello blob");
}

TEST_F(BlobsTest, RangesBeyondTheEndAreRefusedWithTheSize) {
  for (const char* range : {"bytes=100-200", "bytes=5-0"}) {
    const auto response = GetRange(range);
    EXPECT_EQ(response.status, 416);
    EXPECT_EQ(Field(response, "Content-Range"), "bytes */10");
    EXPECT_EQ(CodesOf(BodyOf(response)), "RANGE_INVALID");
  }
}

TEST_F(BlobsTest, AnyRangeOfAnEmptyBlobGetsTheWhole) {
  const std::string empty = PushBlob("a", "");
  const auto response = Send(Ask("GET", "/v2/a/blobs/" + empty, "", {{"Range", "bytes=0-"}}));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(BodyOf(response), "");
  EXPECT_EQ(Field(response, "Content-Range"), "");
}

TEST_F(BlobsTest, IfRangeOfOtherContentGetsTheWhole) {
  EXPECT_EQ(Send(Ask("GET", path_, "", {{"Range", "bytes=2-4"}, {"If-Range", "\"other\""}})).status, 200);
  EXPECT_EQ(Send(Ask("GET", path_, "", {{"Range", "bytes=2-4"}, {"If-Range", "\"" + digest_ + "\""}})).status, 206);
}

TEST_F(BlobsTest, WhatTheClientHasIsNotSentAgain) {
  for (const std::string& tag : {"\"" + digest_ + "\"", "W/\"" + digest_ + "\"", std::string("\"x\", *"), digest_}) {
    const auto response = Send(Ask("GET", path_, "", {{"If-None-Match", tag}}));
    EXPECT_EQ(response.status, 304);
    EXPECT_EQ(BodyOf(response), "");
    EXPECT_EQ(Field(response, "Etag"), "\"" + digest_ + "\"");
    const auto head = Send(Ask("HEAD", path_, "", {{"If-None-Match", tag}}));
    EXPECT_EQ(head.status, 304);
    EXPECT_FALSE(head.head_length) << "the blob is not empty";
  }
  EXPECT_EQ(Send(Ask("GET", path_, "", {{"If-None-Match", "\"other\""}})).status, 200);
}

TEST_F(BlobsTest, UnknownAndMalformedDigests) {
  const std::string zeros = "sha256:" + std::string(64, '0');
  const auto unknown = Send("GET", "/v2/a/b/blobs/" + zeros);
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(BodyOf(unknown),
            "{\"errors\":[{\"code\":\"BLOB_UNKNOWN\",\"message\":\"blob unknown to registry\",\"detail\":\"" + zeros +
                "\"}]}\n");
  const auto malformed = Send("GET", "/v2/a/b/blobs/sha256:zzz");
  EXPECT_EQ(malformed.status, 400);
  EXPECT_EQ(CodesOf(BodyOf(malformed)), "DIGEST_INVALID");
}

TEST_F(BlobsTest, WhatLiesThereAndIsNoFileIsAnsweredAndNamed) {
  const std::string hex = digest_.substr(7);
  const std::string file = (dir_.path() / "docker/registry/v2/blobs/sha256" / hex.substr(0, 2) / hex / "data").string();
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  for (const char* method : {"GET", "HEAD"}) {
    const auto answer = Send(method, path_);
    EXPECT_EQ(answer.status, 503) << method;
    std::string detail;
    for (const auto& [key, value] : answer.log) {
      if (key == "err.detail") detail = value;
    }
    EXPECT_NE(detail.find(file), std::string::npos) << detail;
  }
}

TEST_F(BlobsTest, ABlobIsInARepositoryOnlyByItsLink) {
  EXPECT_EQ(Send("GET", "/v2/other/blobs/" + digest_).status, 404);
  EXPECT_EQ(Send("POST", "/v2/other/blobs/uploads/?mount=" + digest_ + "&from=a/b").status, 201);
  EXPECT_EQ(Send("DELETE", path_).status, 202);
  EXPECT_EQ(Send("GET", path_).status, 404);
  EXPECT_EQ(CodesOf(BodyOf(Send("DELETE", path_))), "BLOB_UNKNOWN");
  EXPECT_EQ(BodyOf(Send("GET", "/v2/other/blobs/" + digest_)), "hello blob");
}

TEST_F(BlobsTest, DeletionMustBeSwitchedOn) {
  config_.storage.delete_enabled = false;
  Reconfigure();
  const store::Seq head = Head();
  const auto response = Send("DELETE", path_);
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(BodyOf(response),
            "{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"The operation is unsupported.\"}]}\n");
  EXPECT_EQ(Head(), head);
}

TEST_F(BlobsTest, Sha512ContentHasItsOwnDigest) {
  const std::string digest = Sha512("hello blob");
  const auto pushed = Send(Ask("POST", "/v2/a/b/blobs/uploads/?digest=" + digest, "hello blob"));
  ASSERT_EQ(pushed.status, 201);
  EXPECT_EQ(Field(pushed, "Docker-Content-Digest"), digest);
  const auto get = Send("GET", "/v2/a/b/blobs/" + digest);
  EXPECT_EQ(BodyOf(get), "hello blob");
  EXPECT_EQ(Field(get, "Docker-Content-Digest"), digest);
}

TEST_F(BlobsTest, EmptyBlobsAreReal) {
  const std::string digest = PushBlob("a/b", "");
  const auto get = Send("GET", "/v2/a/b/blobs/" + digest);
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(BodyOf(get), "");
}

TEST_F(BlobsTest, MountsComeFromWhereTheBlobIsLinked) {
  const auto mounted = Send("POST", "/v2/c/d/blobs/uploads/?mount=" + digest_ + "&from=a%2Fb");
  EXPECT_EQ(mounted.status, 201);
  EXPECT_EQ(Field(mounted, "Docker-Content-Digest"), digest_);
  EXPECT_EQ(Field(mounted, "Location"), "http://127.0.0.1:5600/v2/c/d/blobs/" + digest_);
  EXPECT_EQ(BodyOf(Send("GET", "/v2/c/d/blobs/" + digest_)), "hello blob");
}

// A proxy that authorizes by repository sees no other repository in such a request.
TEST_F(BlobsTest, NothingIsMountedFromARepositoryThatIsNotNamed) {
  const store::Seq head = Head();
  for (const std::string& from : {"", "&from="}) {
    const auto response = Send("POST", "/v2/e/blobs/uploads/?mount=" + digest_ + from);
    EXPECT_EQ(response.status, 202) << from;
    EXPECT_FALSE(Field(response, "Location").empty());
    EXPECT_EQ(Send("HEAD", "/v2/e/blobs/" + digest_).status, 404);
  }
  EXPECT_EQ(Head(), head);
}

TEST_F(BlobsTest, WhatWasDeletedIsNotMountedBack) {
  config_.storage.delete_enabled = true;
  Reconfigure();
  ASSERT_EQ(Send("DELETE", path_).status, 202);
  const store::Seq head = Head();
  for (const std::string& from : {"&from=a/b", "&from=c"}) {
    EXPECT_EQ(Send("POST", "/v2/c/blobs/uploads/?mount=" + digest_ + from).status, 202) << from;
    EXPECT_EQ(Send("HEAD", "/v2/c/blobs/" + digest_).status, 404);
  }
  EXPECT_EQ(Head(), head);
  PushBlob("a/b", "hello blob");
  EXPECT_EQ(Send("POST", "/v2/c/blobs/uploads/?mount=" + digest_ + "&from=a/b").status, 201);
}

TEST_F(BlobsTest, ABlobWhoseFileIsLostIsPushedAgainInsteadOfMounted) {
  const std::string hex = digest_.substr(digest_.find(':') + 1);
  std::filesystem::remove_all(dir_.path() / "docker/registry/v2/blobs/sha256" / hex.substr(0, 2) / hex);
  EXPECT_EQ(Send("POST", "/v2/c/blobs/uploads/?mount=" + digest_ + "&from=a/b").status, 202);
  EXPECT_EQ(Send("HEAD", path_).status, 404);
  PushBlob("a/b", "hello blob");
  EXPECT_EQ(Send("POST", "/v2/c/blobs/uploads/?mount=" + digest_ + "&from=a/b").status, 201);
  EXPECT_EQ(BodyOf(Send("GET", "/v2/c/blobs/" + digest_)), "hello blob");
}

TEST_F(BlobsTest, WhatCannotBeMountedBecomesAnUpload) {
  const std::string zeros = "sha256:" + std::string(64, '0');
  const store::Seq head = Head();
  for (const std::string& query : {"mount=" + digest_ + "&from=no/such", "mount=" + digest_ + "&from=UPPER",
                                   "mount=" + zeros + "&from=a/b", std::string("mount=junk&from=a/b")}) {
    const auto response = Send("POST", "/v2/x/y/blobs/uploads/?" + query);
    EXPECT_EQ(response.status, 202) << query;
    EXPECT_FALSE(Field(response, "Location").empty());
  }
  EXPECT_EQ(Head(), head);
}

}  // namespace
}  // namespace portcall::registry
