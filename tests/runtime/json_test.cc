#include "runtime/json.h"

#include <gtest/gtest.h>

namespace portcall::runtime {
namespace {

std::string Go(std::string_view text) {
  std::string out;
  AppendJsonString(out, text, JsonSpelling::kGo);
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

std::string Plain(std::string_view text) {
  std::string out;
  AppendJsonString(out, text, JsonSpelling::kPlain);
  return out;
}

std::string Logged(std::string_view text) {
  std::string out;
  AppendJsonString(out, text, JsonSpelling::kLog);
  return out;
}

TEST(PlainJson, EscapesWhatJsonDemands) {
  EXPECT_EQ(Plain(""), R"("")");
  EXPECT_EQ(Plain("<a href='x'>&/\x7f"), "\"<a href='x'>&/\x7f\"");
  EXPECT_EQ(Plain(R"(a"b\c)"), R"("a\"b\\c")");
  EXPECT_EQ(Plain(R"(a"b)"), R"("a\"b")");
  EXPECT_EQ(Plain(R"(b\c)"), R"("b\\c")");
  EXPECT_EQ(Plain("\b\f\n\r\t\x01"), R"("\b\f\n\r\t\u0001")");
  EXPECT_EQ(Plain("é\u2028\xe2\x82!"), "\"é\u2028\ufffd!\"");  // one for all that could not be read
}

TEST(LoggedJson, ShowsNothingInvisible) {
  EXPECT_EQ(Logged("<a>&é😀\""), R"("<a>&é😀\"")");
  EXPECT_EQ(Logged("\b\f\n\x1b[31m\x7f"), R"("\b\f\n\u001b[31m\u007f")");
  EXPECT_EQ(Logged("\u009b\u202e\ufeff"), R"("\u009b\u202e\ufeff")");
  EXPECT_EQ(Logged("\xff\xe2\x82"), R"("\ufffd\ufffd\ufffd")");
}

// One of everything.
void Write(JsonWriter& w) {
  w.Begin();
  w.Text("a", "<");
  w.OptionalText("left out", "");
  w.OptionalNumber("left out", 0);
  w.Number("b", INT64_MIN);
  w.Begin("c");
  w.End();
  w.BeginList("d");
  w.Begin();
  w.Flag("e", true);
  w.End();
  w.Item("f");
  w.EndList();
  w.TextList("g", "h");
  w.Raw("i", "[1]");
  w.End();
}

TEST(JsonWriter, PutsTheCommas) {
  std::string out;
  JsonWriter w(out, JsonSpelling::kPlain);
  Write(w);
  EXPECT_EQ(out, R"({"a":"<","b":-9223372036854775808,"c":{},"d":[{"e":true},"f"],"g":["h"],"i":[1]})");
}

TEST(JsonWriter, IndentsAsGoDoes) {
  std::string out;
  JsonWriter w(out, JsonSpelling::kGo, 1);
  Write(w);
  EXPECT_EQ(out,
            "{\n \"a\": \"\\u003c\",\n \"b\": -9223372036854775808,\n \"c\": {},\n \"d\": [\n  {\n   \"e\": true\n  "
            "},\n  \"f\"\n ],\n \"g\": [\n  \"h\"\n ],\n \"i\": [1]\n}");
}

}  // namespace
}  // namespace portcall::runtime
