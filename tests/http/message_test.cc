#include "runtime/http/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portcall::http {
namespace {

using ::testing::ElementsAre;

TEST(Fields, NamesCompareWithoutCase) {
  Fields fields;
  fields.Add("Accept", "a");
  fields.Add("X", "1");
  fields.Add("accept", "b");
  EXPECT_EQ(fields.Get("ACCEPT"), "a");
  EXPECT_THAT(fields.All("Accept"), ElementsAre("a", "b"));
  EXPECT_TRUE(fields.Has("x"));
  EXPECT_FALSE(fields.Has("Y"));
  EXPECT_EQ(fields.Get("Y"), "");
}

TEST(Fields, SetReplacesAllOfAName) {
  Fields fields;
  fields.Add("A", "1");
  fields.Add("B", "2");
  fields.Add("a", "3");
  fields.Set("A", "4");
  fields.Set("C", "5");
  std::vector<std::string> shown;
  for (const Fields::Field& f : fields.all()) shown.push_back(f.name + "=" + f.value);
  EXPECT_THAT(shown, ElementsAre("A=4", "B=2", "C=5"));
}

TEST(Request, SplitsPathAndQuery) {
  Request request;
  request.target = "/v2/_catalog?n=1?2";
  EXPECT_EQ(request.path(), "/v2/_catalog");
  EXPECT_EQ(request.query(), "n=1?2");
  request.target = "/v2/";
  EXPECT_EQ(request.path(), "/v2/");
  EXPECT_EQ(request.query(), "");
}

TEST(Status, UnknownOnesHaveAReasonToo) {
  EXPECT_EQ(ReasonOf(404), "Not Found");
  EXPECT_EQ(ReasonOf(507), "Insufficient Storage");
  EXPECT_EQ(ReasonOf(299), "Unknown");
}

}  // namespace
}  // namespace portcall::http
