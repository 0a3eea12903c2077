#include "app/client/terminal.h"

#include <gtest/gtest.h>

#include <sstream>

#include "app/client/answer.h"

namespace portcall::app {
namespace {

std::string Printed(const Table& table, std::size_t width) {
  std::ostringstream out;
  table.Print(out, Terminal{width, false});
  return out.str();
}

TEST(Terminal, WhatItWouldObeyIsSpelledOut) {
  EXPECT_EQ(Printable("plain: ä 中"), "plain: ä 中");
  EXPECT_EQ(Printable("\x1b[31mred\r\n\t"), "\\x1b[31mred\\x0d\\x0a\\x09");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b2J");  // CSI in one character
  EXPECT_EQ(Printable("\xff\x7f"), "\\xff\\x7f");
  EXPECT_EQ(Printable("\xe2\x80\xae"
                      "txt"),
            "\\xe2\\x80\\xaetxt");  // turns the text around
}

TEST(Terminal, ColoursAreForTerminals) {
  EXPECT_EQ((Terminal{0, false}.Paint("x", Colour::kRed)), "x");
  EXPECT_EQ((Terminal{0, true}.Paint("x", Colour::kRed)), "\x1b[31mx\x1b[0m");
  const Terminal redirected = Terminal::Of({{"COLUMNS", "40"}});
  EXPECT_EQ(redirected.width, 40u);
}

TEST(Table, FitsTheTerminalByCuttingWhatIsWidest) {
  Table table({"NAME", "WHY"});
  table.Add({std::string("hook"), std::string(60, 'w')});
  table.Add({std::string("ä"), std::string("short")});
  EXPECT_EQ(Printed(table, 20), "NAME  WHY\nhook  wwwwwwwwwwwww…\nä     short\n");
  EXPECT_EQ(Printed(table, 0), "NAME  WHY\nhook  " + std::string(60, 'w') + "\nä     short\n");
}

TEST(Terminal, AgesAreShort) {
  EXPECT_EQ(ShowAge(42), "42s");
  EXPECT_EQ(ShowAge(303), "5m 3s");
  EXPECT_EQ(ShowAge(7 * 3'600), "7h");
  EXPECT_EQ(ShowAge(3 * 86'400 + 4 * 3'600 + 5), "3d 4h");
}

TEST(Answer, ReadsWhatIsMissingAsEmptyAndPrintsAsciiAlone) {
  const auto answer = Answer::Parse(R"({"a": "x\u001b\u009b\u007fä", "n": 5, "l": [{"a": "y"}], "o": {"f": true}})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->Number("n"), 5);
  EXPECT_EQ(answer->Text("n") + answer->Text("none"), "");
  EXPECT_FALSE(answer->Number("a"));
  EXPECT_TRUE(answer->Member("o").Flag("f"));
  EXPECT_FALSE(answer->Member("a"));
  ASSERT_EQ(answer->List("l").size(), 1u);
  for (const char c : answer->Print()) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << int(c);
  EXPECT_EQ(Answer::Of("l", answer->List("l"), 0).Print(),
            "{\n  \"l\": [\n    {\n      \"a\": \"y\"\n    }\n  ],\n  \"next\": null\n}\n");
  EXPECT_FALSE(Answer::Parse("{"));
  EXPECT_FALSE(*Answer::Parse(""));
}

}  // namespace
}  // namespace portcall::app
