#include "broker/share_out.h"

#include <gmock/gmock.h>

namespace portcall::broker {
namespace {

using ::testing::ElementsAre;

TEST(ShareOut, GivesWhatIsWantedWhereThereIsEnough) {
  EXPECT_THAT(ShareOut(100, {32, 0, 64}), ElementsAre(32, 0, 64));
  EXPECT_THAT(ShareOut(100, {}), ElementsAre());
}

TEST(ShareOut, GivesEqualPartsOfWhatTheModestLeave) {
  EXPECT_THAT(ShareOut(64, {64, 2, 64, 0}), ElementsAre(31, 2, 31, 0));
  EXPECT_THAT(ShareOut(10, {64, 64, 64}), ElementsAre(3, 3, 4));
}

TEST(ShareOut, GivesOneAtLeast) { EXPECT_THAT(ShareOut(2, {64, 64, 0, 1}), ElementsAre(1, 1, 0, 1)); }

}  // namespace
}  // namespace portcall::broker
