#include "runtime/http/response_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace portcall::http {
namespace {

using ::testing::HasSubstr;
using Progress = ResponseReader::Progress;

ClientOptions SmallOptions() {
  ClientOptions options;
  options.keep_body = 8;
  options.max_body = 64;
  options.max_head = 200;
  return options;
}

// Feeds at most `step` bytes at a time until the reader has enough.
Progress Feed(ResponseReader& reader, std::string_view bytes, std::size_t step) {
  Progress progress = Progress::kMore;
  while (progress == Progress::kMore && !bytes.empty()) {
    const asio::mutable_buffer space = reader.Space();
    EXPECT_GT(space.size(), 0U);
    const std::size_t n = std::min({step, bytes.size(), space.size()});
    std::memcpy(space.data(), bytes.data(), n);
    bytes.remove_prefix(n);
    progress = reader.Got(n);
  }
  return progress;
}

struct Case {
  std::string bytes;
  Progress progress;
  int status = 0;
  std::string body = {};
  bool reusable = false;
};

class ResponseReaderTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(ResponseReaderTest, ReadsEveryShapeOfAnswer) {
  const std::vector<Case> cases = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Progress::kDone, 200, "ok", true},
      {"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", Progress::kDone, 200, "", true},
      {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", Progress::kDone, 200, "", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", Progress::kDone, 200, "x", true},
      {"HTTP/1.1 200 OK\r\nX: a\r\n  folded\r\nContent-Length: 0\r\n\r\n", Progress::kDone, 200, "", true},
      {"HTTP/1.1 204 No Content\r\n\r\n", Progress::kDone, 204, "", true},
      {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", Progress::kDone, 200, "ok", true},
      {"HTTP/1.1 200\nContent-Length: 2\n\nok", Progress::kDone, 200, "ok", true},
      {"HTTP/1.1 200 OK\nX: a\r\nContent-Length: 3\n\r\n\n\r\n", Progress::kDone, 200, "\n\r\n", true},
      {"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 0\r\n\r\n", Progress::kDone, 200, "", true},
      {"HTTP/1.1 100\n\nHTTP/1.1 503\n\nbusy", Progress::kMore, 503, "busy", false},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", Progress::kDone, 304, "", true},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", Progress::kDone, 200, "x", false},
      {"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\nx", Progress::kDone, 200, "x", false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", Progress::kDone, 200, "x", false},
      {"HTTP/1.1 500 Oops\r\nContent-Length: 12\r\n\r\n0123456789ab", Progress::kDone, 500, "01234567", true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
       Progress::kDone, 200, "abcde", true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Progress::kDone, 200, "", true},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 201 Created\r\n"
       "Content-Length: 2\r\n\r\nok",
       Progress::kDone, 201, "ok", true},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", Progress::kDone, 101, "", false},
      {"HTTP/1.1 200 OK\r\n\r\nuntil the end", Progress::kMore, 200, "until th", false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", Progress::kMore, 200, "abc", false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", Progress::kInvalid},
      {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabcde", Progress::kInvalid},
      {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", Progress::kInvalid},
      {"HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 0\r\n\r\n", Progress::kInvalid},
      {"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n", Progress::kInvalid},
      {"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", Progress::kInvalid},
      {"HTTP/1.1 020 OK\r\nContent-Length: 0\r\n\r\n", Progress::kInvalid},
      {"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", Progress::kInvalid},
      {"HTTP/1.1 200OK\r\nContent-Length: 0\r\n\r\n", Progress::kInvalid},
      {"HTTP/1.1 20\r\nContent-Length: 0\r\n\r\n", Progress::kInvalid},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Progress::kInvalid},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Progress::kInvalid},
      {"SSH-2.0-OpenSSH_9.2\r\n", Progress::kInvalid},
      {"HTTP/2 200\r\n\r\n", Progress::kInvalid},
      {"HTTP/2 200\r\n", Progress::kInvalid},
      {std::string("\x15\x03\x01\x00\x02\x02\x16", 7), Progress::kInvalid},
  };
  for (const Case& expected : cases) {
    const ClientOptions options = SmallOptions();
    ResponseReader reader(options);
    reader.Start();
    const Progress progress = Feed(reader, expected.bytes, GetParam());
    ASSERT_EQ(progress, expected.progress) << expected.bytes << reader.problem();
    if (progress == Progress::kInvalid) {
      EXPECT_NE(reader.problem(), "");
      continue;
    }
    EXPECT_EQ(reader.answer().status, expected.status) << expected.bytes;
    EXPECT_EQ(reader.answer().body, expected.body) << expected.bytes;
    EXPECT_EQ(reader.reusable() && progress == Progress::kDone, expected.reusable) << expected.bytes;
  }
}

TEST_P(ResponseReaderTest, CutsWhatIsTooLong) {
  const ClientOptions options = SmallOptions();
  for (const char* framing : {"Content-Length: 1000000000", "Transfer-Encoding: chunked", "X: until close"}) {
    ResponseReader reader(options);
    reader.Start();
    const std::string head = std::string("HTTP/1.1 503 Busy\r\n") + framing + "\r\n\r\n";
    const bool chunked = std::string_view(framing).starts_with("Transfer");
    EXPECT_EQ(Feed(reader, head + (chunked ? "100\r\n" : "") + std::string(65, 'x'), GetParam()), Progress::kDone);
    EXPECT_EQ(reader.answer().status, 503);
    EXPECT_EQ(reader.answer().body, "xxxxxxxx");
    EXPECT_FALSE(reader.reusable());
  }
  for (const std::string& head :
       {"HTTP/1.1 200 OK\r\nX: " + std::string(300, 'x') + "\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 " + std::string(150, 'x') + "\r\nX: " + std::string(150, 'x') + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x'),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(5000, 'x'),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + std::string(5000, 'x')}) {
    ResponseReader reader(options);
    reader.Start();
    EXPECT_EQ(Feed(reader, head, GetParam()), Progress::kInvalid);
    EXPECT_THAT(reader.problem(), HasSubstr("too long"));
  }
}

INSTANTIATE_TEST_SUITE_P(InSteps, ResponseReaderTest, ::testing::Values(1, 2, 3, 7, 50, 100'000));

TEST(ResponseReaderOnceTest, TakesTheFieldsThatMatter) {
  for (const char* framing : {"Content-Length: 0", "Transfer-Encoding: chunked"}) {
    ResponseReader reader(SmallOptions());
    reader.Start();
    Feed(reader,
         std::string("HTTP/1.1 429 Slow down, please\r\nRETRY-after:  120 \r\nlocation: /x\r\n") + framing +
             "\r\n\r\n0\r\nRetry-After: 5\r\n\r\n",
         1000);
    EXPECT_EQ(reader.answer().status, 429);
    EXPECT_EQ(reader.answer().reason, "Slow down, please");
    EXPECT_EQ(reader.answer().retry_after, "120");
    EXPECT_EQ(reader.answer().location, "/x");
  }
}

TEST(ResponseReaderOnceTest, SaysWhenTheHeadOfTheFinalAnswerIsThere) {
  ResponseReader reader(SmallOptions());
  reader.Start();
  EXPECT_EQ(Feed(reader, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 202\r\nContent-Length: 5\r\n", 1), Progress::kMore);
  EXPECT_FALSE(reader.headed());
  EXPECT_EQ(Feed(reader, "\r\n", 1), Progress::kMore);
  EXPECT_TRUE(reader.headed());
  EXPECT_EQ(reader.status(), 202);
  EXPECT_TRUE(reader.keeps_alive());
  EXPECT_EQ(Feed(reader, "ok", 1), Progress::kMore);
  reader.Start();
  EXPECT_FALSE(reader.headed());
}

TEST(ResponseReaderOnceTest, BytesAfterTheAnswerForbidReuse) {
  ResponseReader reader(SmallOptions());
  reader.Start();
  EXPECT_EQ(Feed(reader, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200", 1000), Progress::kDone);
  EXPECT_FALSE(reader.reusable());
}

TEST(ResponseReaderOnceTest, TheEndOfTheConnectionEndsOnlyWhatItMay) {
  ResponseReader open_ended(SmallOptions());
  open_ended.Start();
  Feed(open_ended, "HTTP/1.1 200 OK\r\n\r\nabc", 1000);
  EXPECT_EQ(open_ended.End(), Progress::kDone);
  EXPECT_EQ(open_ended.answer().body, "abc");
  for (const char* cut :
       {"", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    ResponseReader reader(SmallOptions());
    reader.Start();
    Feed(reader, cut, 1000);
    EXPECT_EQ(reader.End(), Progress::kMore) << cut;
    EXPECT_EQ(reader.started(), *cut != '\0');
  }
}

TEST(ResponseReaderOnceTest, StartsAfreshAfterEveryAnswer) {
  ResponseReader reader(SmallOptions());
  for (const char* bytes : {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                            "HTTP/1.1 201 OK\r\nRetry-After: 1\r\nContent-Length: 1\r\n\r\na",
                            "HTTP/1.1 202 OK\r\nContent-Length: 1\r\n\r\na"}) {
    reader.Start();
    EXPECT_FALSE(reader.started());
    ASSERT_EQ(Feed(reader, bytes, 1000), Progress::kDone);
    EXPECT_TRUE(reader.reusable());
    EXPECT_EQ(reader.answer().body, "a");
  }
  EXPECT_EQ(reader.answer().status, 202);
  EXPECT_EQ(reader.answer().retry_after, "");
}

}  // namespace
}  // namespace portcall::http
