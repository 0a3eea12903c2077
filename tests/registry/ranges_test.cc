#include "registry/http/ranges.h"

#include <gtest/gtest.h>

namespace portcall::registry {
namespace {

void ExpectPart(std::string_view header, std::uint64_t offset, std::uint64_t length) {
  const RangeAnswer answer = ReadRange(header, 10);
  EXPECT_EQ(answer.kind, RangeKind::kPart) << header;
  EXPECT_EQ(answer.span.offset, offset) << header;
  EXPECT_EQ(answer.span.length, length) << header;
}

TEST(Ranges, PartsOfTheContent) {
  ExpectPart("bytes=2-4", 2, 3);
  ExpectPart("bytes=0-", 0, 10);
  ExpectPart("bytes=9-", 9, 1);
  ExpectPart("bytes=-3", 7, 3);
  ExpectPart("bytes=-30", 0, 10);
  ExpectPart("bytes=5-18446744073709551615", 5, 5);
  ExpectPart("bytes=5-99999999999999999999", 5, 5);
  ExpectPart("bytes=-99999999999999999999", 0, 10);
  ExpectPart(" bytes= 1 - 1 ", 1, 1);
}

TEST(Ranges, WhatLiesOutsideOrMakesNoSense) {
  for (const char* header : {"bytes=10-", "bytes=100-200", "bytes=5-0", "bytes=-0", "bytes=", "bytes=-", "bytes=a-b",
                             "bytes=1", "bytes=18446744073709551616-", "bytes=1-2x", "bytes=--1"}) {
    EXPECT_EQ(ReadRange(header, 10).kind, RangeKind::kUnsatisfiable) << header;
  }
}

TEST(Ranges, OfNothingTheWholeIsGivenAsGoDoes) {
  for (const char* header : {"bytes=0-", "bytes=0-0", "bytes=-1", "bytes=5-9", "bytes=99999999999999999999-"}) {
    EXPECT_EQ(ReadRange(header, 0).kind, RangeKind::kWhole) << header;
  }
  for (const char* header : {"bytes=", "bytes=-", "bytes=a-b", "bytes=5-0"}) {
    EXPECT_EQ(ReadRange(header, 0).kind, RangeKind::kUnsatisfiable) << header;
  }
}

TEST(Ranges, OtherUnitsAndSeveralRangesGetTheWhole) {
  for (const char* header : {"", "items=1-2", "bytes=0-1,4-5"})
    EXPECT_EQ(ReadRange(header, 10).kind, RangeKind::kWhole);
}

TEST(Ranges, ChunksSayFirstAndLastByte) {
  for (const char* header : {"5-9", "bytes 5-9", "bytes 5-9/*", "bytes=5-9/10", " 5-9 "}) {
    const auto range = ReadContentRange(header);
    ASSERT_TRUE(range) << header;
    EXPECT_EQ(range->first, 5u);
    EXPECT_EQ(range->length(), 5u);
  }
  for (const char* header : {"", "5", "9-5", "a-b", "-5", "5-", "0-18446744073709551615"}) {
    EXPECT_FALSE(ReadContentRange(header)) << header;
  }
}

}  // namespace
}  // namespace portcall::registry
