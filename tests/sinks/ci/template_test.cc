#include "sinks/formats/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace portcall::sinks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Upper(std::string_view value) { return "<" + std::string(value) + ">"; }

Template Parsed(std::string_view text) {
  auto parsed = Template::Parse(text, EventWords());
  EXPECT_TRUE(parsed) << text;
  return parsed ? *std::move(parsed) : Template();
}
std::string Named(std::string_view word) { return "[" + std::string(word) + "]"; }
std::string Fault(std::string_view text) {
  auto parsed = Template::Parse(text, EventWords());
  return parsed ? "" : parsed.error().detail;
}

TEST(TemplateTest, WordsAreFilledInAndTextStays) {
  EXPECT_EQ(Parsed("{{source}}/{{ repository }}:x").Render(Named), "[source]/[repository]:x");
  EXPECT_EQ(Parsed("a } } { b }} c").Render(Named), "a } } { b }} c");
  EXPECT_EQ(Parsed("{{tag}}{{tag}}").Render(Named), "[tag][tag]");
  EXPECT_TRUE(Parsed("").empty());
}

TEST(TemplateTest, ValuesAreNotReadAgain) {
  EXPECT_EQ(Parsed("{{tag}}").Render([](std::string_view) { return std::string("{{digest}}"); }), "{{digest}}");
}

TEST(TemplateTest, EscapesValuesAndNotTheTextAroundThem) {
  EXPECT_EQ(Parsed("a&{{tag}}").Render([](std::string_view) { return std::string("b&c"); }, &Upper), "a&<b&c>");
}

TEST(TemplateTest, FaultsAreNamed) {
  EXPECT_THAT(Fault("x {{tag"), HasSubstr("{{ without }}"));
  EXPECT_THAT(Fault("{{repo}}"), HasSubstr("{{repo}} is not known here; did you mean {{repository}}?"));
  EXPECT_EQ(Fault("{{a\nb}}"), "{{a?b}} is not known here");
  EXPECT_LT(Fault("{{" + std::string(10'000, 'x') + "}}").size(), 200u);
  EXPECT_THAT(Fault("{{}}"), HasSubstr("{{}} is not known here"));
  EXPECT_THAT(Fault("{{ta{{tag}}g}}"), HasSubstr("not known here"));
}

TEST(TemplateTest, TellsItsWordsInOrder) { EXPECT_THAT(Parsed("{{tag}} {{id}}").words(), ElementsAre("tag", "id")); }

}  // namespace
}  // namespace portcall::sinks
