#include "sinks/http/retry_after.h"

#include <gtest/gtest.h>

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;

// 2026-11-20T16:00:00Z, a Friday.
constexpr runtime::WallTime kNow(std::chrono::seconds(1'795'190'400));

TEST(RetryAfter, ReadsSeconds) {
  EXPECT_EQ(ParseRetryAfter("120", kNow), 120s);
  EXPECT_EQ(ParseRetryAfter(" 0 ", kNow), 0ms);
}

TEST(RetryAfter, ReadsTheThreeFormsOfDates) {
  EXPECT_EQ(ParseRetryAfter("Fri, 20 Nov 2026 16:01:30 GMT", kNow), 90s);
  EXPECT_EQ(ParseRetryAfter("Friday, 20-Nov-26 16:01:30 GMT", kNow), 90s);
  EXPECT_EQ(ParseRetryAfter("Fri Nov 20 16:01:30 2026", kNow), 90s);
}

TEST(RetryAfter, ADateThatHasPassedIsNoWait) {
  EXPECT_EQ(ParseRetryAfter("Fri, 20 Nov 2026 15:00:00 GMT", kNow), 0ms);
  EXPECT_EQ(ParseRetryAfter("Thu, 01 Jan 1970 00:00:00 GMT", kNow), 0ms);
}

TEST(RetryAfter, HugeOnesAreBounded) {
  EXPECT_EQ(ParseRetryAfter("99999999999999999999999999", kNow), std::chrono::days(30));
  EXPECT_EQ(ParseRetryAfter("Fri, 31 Dec 9999 23:59:59 GMT", kNow), std::chrono::days(30));
}

TEST(RetryAfter, IgnoresEverythingElse) {
  for (const char* garbage : {"", " ", "soon", "-5", "+5", "1.5", "10 s", "0x10", "Fri, 20 Nov 2026",
                              "2026-11-20T16:00:00Z", "Fri, 20 Nov 2026 16:01:30 GMT tomorrow"}) {
    EXPECT_EQ(ParseRetryAfter(garbage, kNow), std::nullopt) << garbage;
  }
  EXPECT_EQ(ParseRetryAfter(std::string(5000, '1'), kNow), std::nullopt);
}

}  // namespace
}  // namespace portcall::sinks
