#include "runtime/http/response_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portcall::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

std::string Head(const Response& response, const HeadStyle& style = {}) {
  std::string out;
  AppendHead(out, response, style);
  return out;
}

TEST(ResponseHead, DateIsInHttpsOwnForm) {
  EXPECT_THAT(std::string(HttpDate()), MatchesRegex("[A-Z][a-z][a-z], [0-9][0-9] [A-Z][a-z][a-z] [0-9][0-9][0-9][0-9] "
                                                    "[0-9][0-9]:[0-9][0-9]:[0-9][0-9] GMT"));
}

TEST(ResponseHead, FramingIsTheServers) {
  Response response;
  response.body = std::string("12345");
  response.fields.Add("content-length", "999");
  response.fields.Add("Transfer-Encoding", "chunked");
  response.fields.Add("Connection", "upgrade");
  response.fields.Add("Date", "yesterday");
  EXPECT_THAT(Head(response), AllOf(HasSubstr("Content-Length: 5\r\n"), Not(HasSubstr("999")),
                                    Not(HasSubstr("chunked")), Not(HasSubstr("upgrade")), Not(HasSubstr("yesterday"))));
}

TEST(ResponseHead, HeadNamesTheLengthThatGetWouldHave) {
  Response response;
  response.head_length = 77;
  EXPECT_THAT(Head(response, {.to_head = true}), HasSubstr("Content-Length: 77\r\n"));
  response.head_length.reset();
  response.fields.Add("Content-Length", "78");
  EXPECT_THAT(Head(response, {.to_head = true}), HasSubstr("Content-Length: 78\r\n"));
  EXPECT_FALSE(HasBody(response, true));
}

TEST(ResponseHead, SomeStatusesHaveNoLength) {
  Response response;
  for (const int status : {204, 304}) {
    response.status = status;
    EXPECT_THAT(Head(response), Not(HasSubstr("Content-Length")));
    EXPECT_FALSE(HasBody(response, false));
  }
}

TEST(ResponseHead, AValueCannotAddAField) {
  Response response;
  response.fields.Add("Location", "/a\r\nSet-Cookie: x");
  EXPECT_THAT(Head(response), HasSubstr("Location: /a  Set-Cookie: x\r\n"));
}

}  // namespace
}  // namespace portcall::http
