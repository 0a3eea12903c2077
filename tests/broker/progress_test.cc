#include "broker/core/progress.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

constexpr std::size_t kBytes = 100;  // of each event

store::Cursor At(store::Seq settled_through, std::int64_t matched = 0, std::int64_t settled = 0) {
  store::Cursor cursor;
  cursor.settled_through = cursor.through = settled_through;
  cursor.matched = matched;
  cursor.settled = settled;
  return cursor;
}

class ProgressTest : public ::testing::Test {
 protected:
  SlotId Scan(store::Seq seq) {
    const SlotId slot = progress_.Hold(seq, kBytes, {});
    progress_.ScanThrough(seq);
    return slot;
  }
  Progress progress_{At(10, 7, 4)};
};

TEST_F(ProgressTest, BeginsWhereTheCursorStands) {
  EXPECT_EQ(progress_.scan(), 10);
  EXPECT_EQ(progress_.settled_through(), 10);
  EXPECT_EQ(progress_.counted(), 10);
  EXPECT_EQ(progress_.pending(), 3);
  EXPECT_TRUE(progress_.at_head());
  progress_.Grown(11);
  EXPECT_FALSE(progress_.at_head());
}

TEST_F(ProgressTest, WhatIsSettledStaysPendingUntilThatIsStored) {
  progress_.Counted(2, 20);
  const SlotId first = Scan(12), second = Scan(13);
  progress_.Settle(12, kBytes, first);
  EXPECT_EQ(progress_.pending(), 4);
  EXPECT_EQ(progress_.pending_on_disk(), 5);
  store::Settlement settlement;
  progress_.Store(settlement, 12);
  progress_.Settle(13, kBytes, second);
  EXPECT_EQ(progress_.pending_on_disk(), 5);
  progress_.Flushed();
  EXPECT_EQ(progress_.pending(), 3);
  EXPECT_EQ(progress_.pending_on_disk(), 4);
}

// An endpoint that begins far back delivers before the log is counted, and a stop may come then.
TEST_F(ProgressTest, GoesOnCountingWhereItEndedThoughTheCursorIsFurther) {
  store::Cursor cursor = At(300, 0, 300);
  cursor.through = 0;
  progress_.Load(cursor);
  EXPECT_EQ(progress_.counted(), 0);
  progress_.Counted(1'000, 1'000);
  EXPECT_EQ(progress_.pending(), 700);
}

TEST_F(ProgressTest, TheCursorStandsBeforeTheFirstUnsettledEvent) {
  const SlotId first = Scan(12), second = Scan(13);
  progress_.ScanThrough(20);
  progress_.Settle(13, kBytes, second);
  EXPECT_EQ(progress_.settled_through(), 11);
  EXPECT_EQ(progress_.held_back(), 1);
  EXPECT_EQ(progress_.settled(), 5);  // known, though the cursor stands before it
  progress_.Settle(12, kBytes, first);
  EXPECT_EQ(progress_.settled_through(), 20);
  EXPECT_EQ(progress_.settled(), 6);
  EXPECT_EQ(progress_.bytes(), 0u);
}

TEST_F(ProgressTest, WhatWasPassedIsSettledBehindTheCursor) {
  const SlotId passed = Scan(12);
  Scan(13);
  progress_.Pass(passed);
  EXPECT_EQ(progress_.settled_through(), 12);
  EXPECT_EQ(progress_.behind(), 1u);
  progress_.Settle(12, kBytes, kNoSlot);
  EXPECT_EQ(progress_.settled(), 5);
  EXPECT_EQ(progress_.behind(), 0u);
}

// Otherwise the event would count as settled once here and once more when its slot leaves.
TEST_F(ProgressTest, APassedEventWhoseSlotIsStillThereCountsOnce) {
  const SlotId first = Scan(12), passed = Scan(13);
  progress_.Pass(passed);
  progress_.Settle(13, kBytes, kNoSlot);
  EXPECT_EQ(progress_.settled(), 5);
  progress_.Settle(12, kBytes, first);
  EXPECT_EQ(progress_.settled(), 6);
}

TEST_F(ProgressTest, WhatIsForgottenLeavesMemoryAndStaysPending) {
  progress_.Recounted(5, 10);
  progress_.Pass(Scan(12));
  progress_.HoldBehind(kBytes);
  progress_.Forget(kBytes);
  EXPECT_EQ(progress_.bytes(), kBytes);
  progress_.Forget(kBytes);
  EXPECT_EQ(progress_.bytes(), 0u);
  EXPECT_EQ(progress_.pending(), 5);
}

TEST_F(ProgressTest, EventsAreUnneededOnlyOnceThatIsOnDisk) {
  progress_.SetUnneeded(10);
  progress_.Settle(12, kBytes, Scan(12));
  store::Settlement settlement;
  progress_.Store(settlement, 12);
  EXPECT_EQ(settlement.settled_through, 12);
  EXPECT_EQ(settlement.settled, 5);
  EXPECT_EQ(progress_.unneeded(), 10);
  progress_.Flushed();
  EXPECT_EQ(progress_.unneeded(), 12);
}

TEST_F(ProgressTest, LoadForgetsTheWindow) {
  Scan(12);
  progress_.HoldBehind(kBytes);
  progress_.Load(At(20, 30, 28));
  EXPECT_EQ(progress_.bytes(), 0u);
  EXPECT_EQ(progress_.slots(), 0u);
  EXPECT_EQ(progress_.settled_through(), 20);
  EXPECT_EQ(progress_.pending(), 2);
}

TEST(ProgressDeathTest, NothingIsSettledThatWasNotHeld) {
  Progress progress(At(0));
  EXPECT_DEATH(progress.Settle(1, 0, kNoSlot), "behind_ > 0");
}

}  // namespace
}  // namespace portcall::broker
