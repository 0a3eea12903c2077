#include <gtest/gtest.h>

#include <array>

#include "config/reader/scalars.h"

namespace portcall::config {
namespace {

using std::chrono::hours;

TEST(Duration, ReadsGoSyntax) {
  struct Case {
    const char* text;
    Millis value;
  };
  for (const Case& c :
       {Case{"500ms", Millis(500)}, Case{"1h30m", Millis(5'400'000)}, Case{"1.5s", Millis(1500)},
        Case{".5s", Millis(500)}, Case{"168h", hours(168)}, Case{"0", Millis(0)}, Case{"-1s", Millis(0)},
        Case{"-5", Millis(0)}, Case{"+2s", Millis(2000)}, Case{"87600h", hours(87600)}}) {
    auto read = ParseDuration(c.text);
    ASSERT_TRUE(read) << c.text;
    EXPECT_EQ(read->value, c.value) << c.text;
    EXPECT_EQ(read->remark, "") << c.text;
  }
}

TEST(Duration, SaysWhatBecomesOfLessThanAMillisecond) {
  for (const char* text : {"1us", "2µs", "1ns", "0.9ms"}) {
    const auto read = ParseDuration(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->value, Millis(1)) << text;
    EXPECT_EQ(read->remark, "is read as 1ms: nothing shorter counts") << text;
  }
  EXPECT_EQ(ParseDuration("0ns")->remark, "");
}

TEST(Duration, SaysHowItReadABareNumber) {
  auto millis = ParseDuration("500");
  ASSERT_TRUE(millis);
  EXPECT_EQ(millis->value, Millis(500));
  EXPECT_EQ(millis->remark,
            "500 has no unit and is read as milliseconds (500ms); Distribution reads nanoseconds: write 500ms");
  EXPECT_EQ(ParseDuration("100")->value, Millis(100));
  EXPECT_EQ(ParseDuration("999999")->value, Millis(999'999));
  auto nanos = ParseDuration("5000000000");
  ASSERT_TRUE(nanos);
  EXPECT_EQ(nanos->value, Millis(5000));
  EXPECT_EQ(nanos->remark, "5000000000 has no unit and is read as nanoseconds, as Distribution does: write 5s");
  EXPECT_EQ(ParseDuration("1_000_000")->value, Millis(1));
}

TEST(Duration, RefusesWhatItWouldHaveToGuess) {
  EXPECT_EQ(ParseDuration("5").error().detail, "5 has no unit: write 5s for seconds, or 5ms for milliseconds");
  EXPECT_EQ(ParseDuration("99").error().detail, "99 has no unit: write 99s for seconds, or 99ms for milliseconds");
  EXPECT_EQ(ParseDuration("1.5").error().detail, "\"1.5\" has no unit: write 1.5s for seconds");
  EXPECT_EQ(ParseDuration("2d").error().detail, "days and weeks are no units here: write 48h");
  EXPECT_EQ(ParseDuration("999999h").error().detail, "is longer than ten years");
  for (const char* text : {"", "s", "ten", "1s2", "1 s", "1e3", "--1s", "nan", "inf", "1h-3m", "99999999999999999999h",
                           "0x", "1__", "-", "+", "01"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
}

TEST(Size, ReadsUnits) {
  EXPECT_EQ(*ParseSize("256MiB"), 256u << 20);
  EXPECT_EQ(*ParseSize("10GB"), 10'000'000'000u);
  EXPECT_EQ(*ParseSize("1.5G"), 3u << 29);
  EXPECT_EQ(*ParseSize("64 KiB"), 65'536u);
  EXPECT_EQ(*ParseSize("1000"), 1000u);
  EXPECT_EQ(*ParseSize("0"), 0u);
  for (const char* text : {"", "MiB", "-1", "1.2.3M", "5X", "5MBit", "20%", "99999999T"}) {
    EXPECT_FALSE(ParseSize(text)) << text;
  }
}

TEST(Whole, KnowsYamlsForms) {
  EXPECT_EQ(ParseWhole("1_000"), 1000);
  EXPECT_EQ(ParseWhole("0x10"), 16);
  EXPECT_EQ(ParseWhole("-3"), -3);
  for (const char* text : {"", "010", "1.0", "--1", "9999999999999999999", "0x-1", "_1"})
    EXPECT_FALSE(ParseWhole(text)) << text;
}

TEST(NearestWord, IsOfferedWhereThereIsOne) {
  constexpr std::array<std::string_view, 2> kWords{"timeout", "url"};
  EXPECT_EQ(DidYouMean("Timeout", kWords), "; did you mean timeout?");
  EXPECT_EQ(DidYouMean("queuesize", kWords), "");
}

TEST(NearestWord, FindsSlipsOfTheHand) {
  constexpr std::array<std::string_view, 4> kWords{"timeout", "threshold", "headers", "url"};
  EXPECT_EQ(Nearest("Timeout", kWords), "timeout");
  EXPECT_EQ(Nearest("treshold", kWords), "threshold");
  EXPECT_EQ(Nearest("haeders", kWords), "headers");
  EXPECT_EQ(Nearest("ulr", kWords), "url");
  EXPECT_EQ(Nearest("queuesize", kWords), "");
}

}  // namespace
}  // namespace portcall::config
