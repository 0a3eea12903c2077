#include "app/server/access_log.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <time.h>

#include "tests/app/exchange.h"

namespace portcall::app {
namespace {

class AccessLogTest : public ::testing::Test {
 protected:
  AccessLogTest() {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  TestExchange exchange_;
};

TEST_F(AccessLogTest, WritesDistributionsCombinedLine) {
  EXPECT_EQ(
      CombinedLine(exchange_.Get()),
      R"(127.0.0.1 - - [20/Nov/2026:16:00:00 +0000] "GET /v2/acme/ctr/manifests/v1 HTTP/1.1" 200 502 "" "skopeo/1.9.3")");
}

TEST_F(AccessLogTest, TellsAnAnswerThatWasCut) {
  exchange_.end = http::Exchange::End::kPeerGone;
  EXPECT_NE(CombinedLine(exchange_.Get()).find(" HTTP/1.1\" 499 502 "), std::string::npos);
}

TEST_F(AccessLogTest, KeepsTheReferer) {
  exchange_.request.fields.Add("Referer", "http://127.0.0.1:5610/v2/");
  EXPECT_NE(CombinedLine(exchange_.Get()).find(R"("http://127.0.0.1:5610/v2/" "skopeo/1.9.3")"), std::string::npos);
}

TEST_F(AccessLogTest, ClientsCannotForgeLines) {
  exchange_.request.fields.Set("User-Agent", "a\" 200 \\ \x1b[31m\nforged");
  EXPECT_TRUE(CombinedLine(exchange_.Get()).ends_with(R"("a\" 200 \\ \x1b[31m\x0aforged")"));
}

TEST_F(AccessLogTest, TheTimeFollowsTheSecond) {
  EXPECT_EQ(CombinedTime(exchange_.request.received), "20/Nov/2026:16:00:00 +0000");
  EXPECT_EQ(CombinedTime(exchange_.request.received + std::chrono::milliseconds(999)), "20/Nov/2026:16:00:00 +0000");
  EXPECT_EQ(CombinedTime(exchange_.request.received + std::chrono::seconds(1)), "20/Nov/2026:16:00:01 +0000");
}

}  // namespace
}  // namespace portcall::app
