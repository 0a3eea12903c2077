#include "runtime/http/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portcall::http {
namespace {

using ::testing::ElementsAre;
using Step = RequestParser::Step;

class Codec : public ::testing::Test {
 protected:
  Step Head(std::string_view bytes) {
    request_ = Request();
    parser_.Start(request_);
    return parser_.ParseHead(bytes, used_);
  }
  RequestParser parser_{1024, 8};
  Request request_;
  std::size_t used_ = 0;
};

TEST_F(Codec, TakesTheHeadAndNothingBehindIt) {
  const std::string head = "PUT /v2/a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nX-A:  b c \r\n\r\n";
  EXPECT_EQ(Head(head + "abcGET"), Step::kDone);
  EXPECT_EQ(used_, head.size());
  EXPECT_EQ(request_.method, "PUT");
  EXPECT_EQ(request_.target, "/v2/a?b");
  EXPECT_EQ(request_.fields.Get("x-a"), "b c");
  EXPECT_EQ(parser_.content_length(), 3u);
  EXPECT_TRUE(parser_.keep_alive());
}

TEST_F(Codec, TheTargetBecomesOriginForm) {
  EXPECT_EQ(Head("GET http://h:1/p?q HTTP/1.1\r\nHost: x\r\n\r\n"), Step::kDone);
  EXPECT_EQ(request_.target, "/p?q");
  EXPECT_EQ(request_.fields.Get("Host"), "h:1");
  EXPECT_EQ(Head("GET HTTPS://h?q HTTP/1.1\r\nHost: x\r\n\r\n"), Step::kDone);
  EXPECT_EQ(request_.target, "/?q");
  EXPECT_EQ(Head("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), Step::kDone);
  EXPECT_EQ(Head("GET * HTTP/1.1\r\nHost: x\r\n\r\n"), Step::kFault);
  EXPECT_EQ(Head("GET ftp://h/p HTTP/1.1\r\nHost: x\r\n\r\n"), Step::kFault);
}

TEST_F(Codec, BoundsTheHead) {
  EXPECT_EQ(Head("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(1024, 'x')), Step::kFault);
  EXPECT_EQ(parser_.fault_status(), 431);
  EXPECT_EQ(Head(std::string(2000, '\n')), Step::kFault);
  EXPECT_EQ(parser_.fault_status(), 431);
}

TEST_F(Codec, BoundsTheNumberOfFields) {
  std::string fields;
  for (int i = 0; i < 7; ++i) fields += "a:\r\n";
  EXPECT_EQ(Head("GET / HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"), Step::kDone);
  EXPECT_EQ(Head("GET / HTTP/1.1\r\nHost: x\r\n" + fields + "a:\r\n\r\n"), Step::kFault);
  EXPECT_EQ(parser_.fault_status(), 431);
}

TEST_F(Codec, AHostIsAHostWithItsPort) {
  for (const char* host : {"x", "x:5000", "x:", "", "a-b.example.com", "[2001:db8::1]", "[::1]:443", "xn--e1a.example",
                           "my_host:1", "a%20b"}) {
    EXPECT_EQ(Head("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), Step::kDone) << host;
  }
  for (const char* host : {"a b", "a/b", "u@h", "a b/c@d", "x:port", "x:1:2", "[::1", "[]", "[::1]x", "a\"b", "a?b",
                           "a#b", "a\\b", "<script>", "[a b]"}) {
    EXPECT_EQ(Head("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), Step::kFault) << host;
    EXPECT_EQ(parser_.fault_status(), 400);
  }
  EXPECT_EQ(Head("GET http://user@h/p HTTP/1.1\r\nHost: h\r\n\r\n"), Step::kFault);
}

TEST_F(Codec, ALineBreakInsideAChunksExtensionIsMalformed) {
  const auto unpack = [this](std::string memory) {
    EXPECT_EQ(Head("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), Step::kDone);
    std::size_t written = 0;
    return parser_.ParseChunks(memory, memory, used_, written);
  };
  EXPECT_EQ(unpack("3;a=\"b c\";d\r\nabc\r\n0\r\n\r\n"), Step::kDone);
  EXPECT_EQ(unpack("3;a=\"b\tc\"\r\nabc\r\n0\r\n\r\n"), Step::kDone);
  EXPECT_EQ(unpack("3;a=\"b\nc\"\r\nabc\r\n0\r\n\r\n"), Step::kFault);
  EXPECT_EQ(unpack("0;a=\"b\nc\"\r\n\r\n"), Step::kFault);
  EXPECT_EQ(unpack("3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"), Step::kFault);
}

TEST_F(Codec, UnpacksChunksInPlaceAndStopsWhenFull) {
  ASSERT_EQ(Head("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"), Step::kDone);
  EXPECT_TRUE(parser_.chunked());
  std::string memory = "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\nGET";
  std::size_t written = 0;
  EXPECT_EQ(parser_.ParseChunks(memory, memory, used_, written), Step::kDone);
  EXPECT_EQ(memory.substr(0, written), "abcdefg");
  EXPECT_EQ(memory.substr(used_), "GET");

  ASSERT_EQ(Head("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), Step::kDone);
  std::string_view left = "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
  std::vector<std::string> pieces;
  char two[2];
  for (Step step = Step::kMore; step == Step::kMore;) {
    step = parser_.ParseChunks(left, two, used_, written);
    left.remove_prefix(used_);
    pieces.emplace_back(two, written);
  }
  EXPECT_THAT(pieces, ElementsAre("ab", "cd", "ef", "g"));
}

}  // namespace
}  // namespace portcall::http
