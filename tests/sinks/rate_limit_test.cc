#include "sinks/http/rate_limit.h"

#include <gtest/gtest.h>

#include <string>

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;

constexpr runtime::WallTime kNow(std::chrono::seconds(1'795'190'400));

http::Incoming Answer(int status, std::string remaining, std::string reset, std::string body = {}) {
  http::Incoming answer;
  answer.status = status;
  answer.rate_remaining = std::move(remaining);
  answer.rate_reset = std::move(reset);
  answer.body = std::move(body);
  return answer;
}

TEST(RateLimit, ResetIsATimeOrSeconds) {
  EXPECT_EQ(RateLimitOf(Answer(403, "0", "1795190700"), kNow), 300s);
  EXPECT_EQ(RateLimitOf(Answer(429, "0", "300"), kNow), 300s);
  EXPECT_EQ(RateLimitOf(Answer(429, "", " 300 "), kNow), 300s);
  EXPECT_EQ(RateLimitOf(Answer(429, "0", "0"), kNow), 1s);
  EXPECT_EQ(RateLimitOf(Answer(429, "0", "9999999999999999"), kNow), std::chrono::days(30));
}

TEST(RateLimit, AClockThatIsAheadDoesNotAskAllTheTime) {
  EXPECT_EQ(RateLimitOf(Answer(403, "0", "1795190000"), kNow), 10s);
}

TEST(RateLimit, RetryAfterComesFirst) {
  http::Incoming answer = Answer(403, "0", "1795190700");
  answer.retry_after = "7";
  EXPECT_EQ(RateLimitOf(answer, kNow), 7s);
  answer.retry_after = "0";
  EXPECT_EQ(RateLimitOf(answer, kNow), 1s);
}

TEST(RateLimit, ItsTextAloneMeansAMinute) {
  EXPECT_EQ(RateLimitOf(Answer(403, "10", "1795190700", "You have exceeded a secondary Rate Limit"), kNow), 60s);
}

TEST(RateLimit, OtherAnswersAreNone) {
  EXPECT_EQ(RateLimitOf(Answer(403, "10", "1795190700", "Resource not accessible"), kNow), std::nullopt);
  EXPECT_EQ(RateLimitOf(Answer(404, "0", "1795190700"), kNow), std::nullopt);
  EXPECT_EQ(RateLimitOf(Answer(503, "0", "30", "rate limit"), kNow), std::nullopt);
  for (const char* reset : {"", "soon", "-1", "1.5", "2026-11-20T16:00:00Z"}) {
    EXPECT_EQ(RateLimitOf(Answer(429, "0", reset), kNow), std::nullopt) << reset;
  }
}

}  // namespace
}  // namespace portcall::sinks
