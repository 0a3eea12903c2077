#include "runtime/time.h"

#include <gtest/gtest.h>

namespace portcall::runtime {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(Time, Rfc3339NanoCutsZerosAsGoDoes) {
  EXPECT_EQ(Rfc3339Nano(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(Rfc3339Nano(1'795'190'810'230'991'296), "2026-11-20T16:06:50.230991296Z");
  EXPECT_EQ(Rfc3339Nano(1'795'190'810'230'000'000), "2026-11-20T16:06:50.23Z");
  EXPECT_EQ(Rfc3339Nano(1'795'190'810'000'000'001), "2026-11-20T16:06:50.000000001Z");
  EXPECT_EQ(Rfc3339Nano(1'709'164'800'000'000'000), "2024-02-29T00:00:00Z");
  EXPECT_EQ(Rfc3339Nano(-1), "1969-12-31T23:59:59.999999999Z");
}

TEST(Time, FixedTextsSortAsTimesDo) {
  EXPECT_EQ(Rfc3339Fixed(1'795'190'810'230'000'000), "2026-11-20T16:06:50.230000000Z");
  EXPECT_LT(Rfc3339Fixed(0), Rfc3339Fixed(1));
}

TEST(Time, IsReadInAnyZone) {
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:01Z"), kSecond);
  EXPECT_EQ(ParseRfc3339("1970-01-01T01:00:01.5+01:00"), kSecond + kSecond / 2);
  EXPECT_EQ(ParseRfc3339("1969-12-31T23:00:00-01:00"), 0);
  EXPECT_FALSE(ParseRfc3339("2999-01-01T00:00:00Z"));  // beyond what is stored
  EXPECT_FALSE(ParseRfc3339("yesterday"));
  EXPECT_FALSE(ParseRfc3339("1970-01-01T00:00:01"));
  EXPECT_FALSE(ParseRfc3339("1970-01-01T00:00:01Zulu"));
}

TEST(Time, ReadingChecksTheCalendar) {
  for (const char* text : {"2026-01-31T08:00:00Z", "2024-02-29T23:59:60.123+01:00"})
    EXPECT_TRUE(ParseRfc3339(text)) << text;
  for (const char* text : {"2026-02-29T08:00:00Z", "2026-01-31 08:00:00Z", "2026-01-31T08:00:00",
                           "2026-01-31T24:00:00Z", "2026-01-31T08:00:00.Z", "2026-01-31T08:00:00+0100", "yesterday"}) {
    EXPECT_FALSE(ParseRfc3339(text)) << text;
  }
}

TEST(Time, WhatIsPrintedIsReadAgain) {
  for (const std::int64_t nanos : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'795'190'810'230'991'296}}) {
    EXPECT_EQ(ParseRfc3339(Rfc3339Nano(nanos)), nanos);
    EXPECT_EQ(ParseRfc3339(Rfc3339Fixed(nanos)), nanos);
  }
}

TEST(Time, FractionsMayBeLongerThanWhatIsKept) {
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:00.0000000019z"), 1);
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:00.5Z"), kSecond / 2);
}

TEST(Time, ReadingRefusesWhatOnlyResemblesATime) {
  for (const char* text :
       {"", "1970-1-1T00:00:00Z", " 1970-01-01T00:00:00Z", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+00:60",
        "1970-01-01T00:00:00Z ", "1970-13-01T00:00:00Z", "1600-01-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseRfc3339(text)) << text;
  }
}

TEST(GoDuration, PrintsAsGoDoes) {
  EXPECT_EQ(GoDuration(0ns), "0s");
  EXPECT_EQ(GoDuration(52ns), "52ns");
  EXPECT_EQ(GoDuration(52582ns), "52.582µs");
  EXPECT_EQ(GoDuration(2130959ns), "2.130959ms");
  EXPECT_EQ(GoDuration(1ms), "1ms");
  EXPECT_EQ(GoDuration(1500ms), "1.5s");
  EXPECT_EQ(GoDuration(7min), "7m0s");
  EXPECT_EQ(GoDuration(60500ms), "1m0.5s");
  EXPECT_EQ(GoDuration(24h), "24h0m0s");
}

TEST(Duration, IsShownAsItIsWritten) {
  EXPECT_EQ(ShowDuration(milliseconds(0)), "0s");
  EXPECT_EQ(ShowDuration(milliseconds(5'400'500)), "1h30m500ms");
}

}  // namespace
}  // namespace portcall::runtime
