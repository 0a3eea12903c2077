#include "sinks/failing_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(FailingParts, NamesWhatFailsUntilItsNextSuccess) {
  const runtime::SteadyTime now{};
  FailingParts parts("topic", 10min);
  EXPECT_THAT(parts.Text(now), IsEmpty());
  parts.Failed("ok.delete", "no permission to write", now);
  EXPECT_EQ(parts.Text(now), "1 topic fails: ok.delete (no permission to write)");
  parts.Failed("ok.pull", "does not exist", now + 1s);
  parts.Failed("ok.delete", "does not exist", now + 2s);
  EXPECT_EQ(parts.Text(now + 2s), "2 topics fail: ok.delete (does not exist), ok.pull (does not exist)");
  parts.Succeeded("ok.push");
  parts.Succeeded("ok.delete");
  EXPECT_EQ(parts.Text(now + 3s), "1 topic fails: ok.pull (does not exist)");
  parts.Succeeded("ok.pull");
  EXPECT_THAT(parts.Text(now + 3s), IsEmpty());
}

TEST(FailingParts, ForgetsThatOfWhichNothingIsHeard) {
  const runtime::SteadyTime now{};
  FailingParts parts("topic", 10min);
  parts.Failed("a", "x", now);
  parts.Failed("b", "x", now + 6min);
  EXPECT_EQ(parts.Text(now + 11min), "1 topic fails: b (x)");
  EXPECT_THAT(parts.Text(now + 17min), IsEmpty());
}

TEST(FailingParts, IsBounded) {
  const runtime::SteadyTime now{};
  FailingParts parts("project", 10min);
  for (int i = 0; i < 8; ++i) parts.Failed("p" + std::to_string(i), "404", now);
  EXPECT_EQ(parts.Text(now), "8 projects fail: p7 (404), p6 (404), p5 (404), p4 (404), p3 (404) and 3 more");
  for (int i = 0; i < 5'000; ++i)
    parts.Failed(std::to_string(i) + std::string(5'000, 'n'), std::string(9'000, 'w'), now);
  EXPECT_THAT(parts.Text(now), StartsWith("100 or more projects fail: "));
  EXPECT_THAT(parts.Text(now), EndsWith(" and 95 more"));
  EXPECT_LT(parts.Text(now).size(), 2'500u);
  for (int i = 0; i < 5'000; ++i) parts.Succeeded(std::to_string(i) + std::string(5'000, 'n'));
  EXPECT_THAT(parts.Text(now), IsEmpty());
}

}  // namespace
}  // namespace portcall::sinks
