#include "sinks/formats/go_json.h"

#include <gtest/gtest.h>

namespace portcall::sinks {
namespace {

std::string Go(std::string_view text) {
  std::string out;
  AppendGoString(out, text);
  return out;
}

TEST(GoJson, EscapesWhatGoEscapes) {
  EXPECT_EQ(Go(""), R"("")");
  EXPECT_EQ(Go("plain /:~\x7f"), "\"plain /:~\x7f\"");
  EXPECT_EQ(Go("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Go("\n\r\t"), R"("\n\r\t")");
  EXPECT_EQ(Go(std::string_view("\0\x01\x1f", 3)), R"("\u0000\u0001\u001f")");
  EXPECT_EQ(Go("<a href='x'>&"), R"("\u003ca href='x'\u003e\u0026")");
  EXPECT_EQ(Go("x\u2028y\u2029z\u2027"), "\"x\\u2028y\\u2029z\u2027\"");
}

TEST(GoJson, LeavesValidUtf8Alone) { EXPECT_EQ(Go("é€😀\u00a0\uffff\U0010ffff"), "\"é€😀\u00a0\uffff\U0010ffff\""); }

TEST(GoJson, ReplacesEveryInvalidByteBySixCharacters) {
  EXPECT_EQ(Go("a\xff"
               "b"),
            R"("a\ufffdb")");
  EXPECT_EQ(Go("\xc3"), R"("\ufffd")");                                // cut short
  EXPECT_EQ(Go("\xc0\x80"), R"("\ufffd\ufffd")");                      // overlong
  EXPECT_EQ(Go("\xe0\x9f\xbf"), R"("\ufffd\ufffd\ufffd")");            // overlong
  EXPECT_EQ(Go("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");            // a surrogate
  EXPECT_EQ(Go("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");  // beyond U+10FFFF
  EXPECT_EQ(Go("\xe2\x82"), R"("\ufffd\ufffd")");
  EXPECT_EQ(Go("\xf0\x9f\x98!"), R"("\ufffd\ufffd\ufffd!")");
}

}  // namespace
}  // namespace portcall::sinks
