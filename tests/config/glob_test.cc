#include "config/glob.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace portcall::config {
namespace {

TEST(Glob, Fits) {
  struct Case {
    const char *pattern, *text;
    bool fits;
  };
  const Case kCases[] = {
      {"app", "app", true},
      {"app", "apps", false},
      {"app", "ap", false},
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "app", true},
      {"*", "team/app", false},
      {"**", "", true},
      {"**", "team/app", true},
      {"team/*", "team/app", true},
      {"team/*", "team/", true},
      {"team/*", "team/a/b", false},
      {"team/*", "team", false},
      {"team/*/app", "team/x/app", true},
      {"team/*/app", "team/x/y/app", false},
      {"team/**", "team/a/b", true},
      {"team/**", "team", false},
      {"team/**", "teams/a", false},
      {"team/**/app", "team/app", true},
      {"team/**/app", "team/a/b/app", true},
      {"team/**/app", "team/xapp", false},
      {"**/app", "app", true},
      {"**/app", "a/b/app", true},
      {"**/app", "myapp", false},
      {"x**/app", "x/app", true},
      {"x**/app", "xapp", false},
      {"**app", "a/myapp", true},
      {"**/**", "a", true},
      {"*/*", "a", false},
      {"v?", "v1", true},
      {"v?", "v", false},
      {"v?", "v12", false},
      {"a?b", "a/b", false},
      {"v*.*", "v1.2.3", true},
      {"v*.*", "v1", false},
      {"*-rc*", "1.0-rc1", true},
      {"*a*b", "aab", true},
      {"*a*b", "ba", false},
      {"*ab", "aab", true},
      {"**a*/b", "x/a/ay/b", true},
      {"**a*/b", "x/a/y/b", false},
      {"?", "é", true},
      {"??", "é", false},
      {"r?bot", "röbot", true},
      {"r?bot", "rööbot", false},
      {"[a]", "[a]", true},
      {"[a]", "a", false},
      {"a.c", "abc", false},
      {"App", "app", false},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(GlobMatches(c.pattern, c.text), c.fits) << c.pattern << " and " << c.text;
  }
}

TEST(Glob, HostilePatternsTakeNoLongerThanOthers) {
  std::string stars, slashes;
  while (stars.size() + 2 < kLongestGlob) stars += "*a";
  while (slashes.size() + 8 < kLongestGlob) slashes += "**/*a";
  const std::string text(4'000, 'a');
  std::string path;
  while (path.size() < 4'000) path += "a/";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(GlobMatches(stars + "b", text));
  EXPECT_FALSE(GlobMatches(slashes + "b", path));
  EXPECT_TRUE(GlobMatches(stars, text));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));  // backtracking needs ages
}

TEST(Glob, BadOnesSayWhy) {
  EXPECT_EQ(WhyBadGlob("team/**/app-?*"), "");
  EXPECT_EQ(WhyBadGlob(""), "is empty, and would fit nothing");
  EXPECT_EQ(WhyBadGlob("a***"), "holds ***: write * or **");
  EXPECT_EQ(WhyBadGlob("a\nb"), "holds a control character");
  EXPECT_EQ(WhyBadGlob(std::string(256, 'a')), "");
  EXPECT_EQ(WhyBadGlob(std::string(257, 'a')), "is longer than 256 bytes");
  EXPECT_FALSE(GlobMatches(std::string(257, '*'), "a"));
  EXPECT_TRUE(GlobMatches(std::string(256, '*'), "a/b"));
  EXPECT_TRUE(GlobMatches("***", "a/b"));
}

}  // namespace
}  // namespace portcall::config
