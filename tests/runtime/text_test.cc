#include "runtime/text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace portcall::runtime {
namespace {

TEST(Text, KnowsAsciiAlone) {
  EXPECT_EQ(LowerCase("AZaz09-\xc3\x84"), "azaz09-\xc3\x84");
  EXPECT_TRUE(EqualsIgnoreCase("Content-LENGTH", "content-length"));
  EXPECT_FALSE(EqualsIgnoreCase("a", "ab"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));  // 32 apart, as letters are
  EXPECT_FALSE(IsAlphanumeric('\xe4'));
  EXPECT_FALSE(IsControl('\x80'));
  EXPECT_TRUE(IsControl('\x7f') && IsControl('\0') && IsControl('\t'));
  EXPECT_TRUE(HasControl("a\nb"));
  EXPECT_FALSE(HasControl("a b\xc2\x85"));
}

TEST(Text, TrimsBothEnds) {
  EXPECT_EQ(Trim(" \t a b\t "), "a b");
  EXPECT_EQ(Trim("a"), "a");
  EXPECT_EQ(Trim(" \t"), "");
  EXPECT_EQ(Trim(""), "");
  EXPECT_EQ(Trim("\ta ", " "), "\ta");
}

TEST(Text, ANumberIsAllOfTheText) {
  EXPECT_EQ(ParseNumber<int>("-12"), -12);
  EXPECT_EQ(ParseNumber<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(ParseNumber<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", " 1", "1 ", "+1", "0x1", "1.0", "-1", "65536"}) {
    EXPECT_FALSE(ParseNumber<std::uint16_t>(text)) << text;
  }
  EXPECT_TRUE(IsDigits("007"));
  EXPECT_FALSE(IsDigits("") || IsDigits("1a") || IsDigits("-1"));
}

TEST(Text, JoinsWords) {
  EXPECT_EQ(Joined(std::vector<std::string>{"a", "", "b"}), "a, , b");
  EXPECT_EQ(Joined(std::vector<std::string_view>{"a", "b"}, ","), "a,b");
  EXPECT_EQ(Joined(std::vector<std::string>()), "");
}

TEST(Text, HexIsTwoDigits) {
  std::string out;
  for (const unsigned char byte : {0x00, 0x1f, 0xab}) AppendHex(out, byte);
  EXPECT_EQ(out, "001fab");
}

TEST(Text, RunesAreTheShortestUtf8) {
  EXPECT_EQ(FirstRune("a").size, 1u);
  EXPECT_EQ(FirstRune("é!").value, U'é');
  EXPECT_EQ(FirstRune("€").size, 3u);
  EXPECT_EQ(FirstRune("😀").value, U'😀');
  EXPECT_EQ(FirstRune("\U0010ffff").value, 0x10ffffu);
  for (const char* text : {"\x80", "\xc3", "\xc0\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82",
                           "\xf0\x9f\x98!", "\xff"}) {
    EXPECT_EQ(FirstRune(text).size, 0u);
  }
}

}  // namespace
}  // namespace portcall::runtime
