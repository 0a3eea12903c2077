#include "config/reader/transcript.h"

#include <gtest/gtest.h>

#include <set>

#include "config/reader/yaml.h"

namespace portcall::config {
namespace {

TEST(TranscriptTest, IsASetOfNotesAtPathsBelowTheEntry) {
  Transcript a("list[0]"), b("list[7]");
  a.Note("list[0].x", "1");
  a.Note("list[0].y", "2");
  a.Note("list[0].x", "1");
  b.Note("list[7].y", "2");
  b.Note("list[7].x", "1");
  EXPECT_EQ(a.Fingerprint(), b.Fingerprint());
  EXPECT_EQ(a.Fingerprint().size(), 64u);
}

TEST(TranscriptTest, NoTwoListsLookTheSame) {
  const std::vector<std::vector<std::string>> kLists = {{}, {""}, {"", ""}, {"ab", "c"}, {"a", "bc"}, {"1:a"}, {"abc"}};
  std::set<std::string> seen;
  for (const auto& list : kLists) {
    Transcript transcript("");
    transcript.Note("list", list);
    EXPECT_TRUE(seen.insert(transcript.Fingerprint()).second);
  }
}

TEST(TranscriptTest, AWholeValueIsItsContentNotItsOrder) {
  const auto fingerprint = [](const std::string& yaml) {
    Report report(Strictness::kCheck);
    Value value;
    EXPECT_TRUE(ParseYaml(yaml, "f", true, report, value)) << yaml;
    Transcript transcript("");
    transcript.Note("value", value);
    return transcript.Fingerprint();
  };
  EXPECT_EQ(fingerprint("{a: 1, b: [x, {c: d}]}"), fingerprint("# more\nb:\n- x\n- c: d\na: 1\ne:\n"));
  std::set<std::string> seen;
  for (const char* yaml :
       {"5", "'5'", "[5]", "{a: 5}", "{a: '5'}", "{a: [5]}", "{a: {b: 5}}", "{b: 5}", "[[5]]", "[5, 5]", "[]", "{}"}) {
    EXPECT_TRUE(seen.insert(fingerprint(yaml)).second) << yaml;
  }
}

}  // namespace
}  // namespace portcall::config
