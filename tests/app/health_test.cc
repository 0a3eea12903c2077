#include "app/debug/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace portcall::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Health, TurnsOnceWhateverTheNumberOfChecks) {
  std::vector<bool> turns;
  Health health([&](bool healthy) { turns.push_back(healthy); });
  health.Pass("a");
  EXPECT_THAT(turns, IsEmpty());
  health.Fail("a", "broken");
  health.Fail("b", "broken too");
  health.Fail("a", "still broken");
  EXPECT_THAT(health.failing(), ElementsAre(Pair("a", "still broken"), Pair("b", "broken too")));
  EXPECT_FALSE(health.healthy());
  health.Pass("a");
  EXPECT_THAT(turns, ElementsAre(false));
  health.Pass("b");
  EXPECT_THAT(turns, ElementsAre(false, true));
  EXPECT_TRUE(health.healthy());
}

}  // namespace
}  // namespace portcall::app
