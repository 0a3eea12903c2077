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
    parser_.Start(request_);
    return parser_.ParseHead(bytes, used_);
  }
  RequestParser parser_{1024};
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
