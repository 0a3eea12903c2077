#include "broker/core/slots.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

TEST(Slots, WhatIsDoneCountsOnceNothingBeforeItIsOpen) {
  Slots slots;
  const SlotId a = slots.Push(10, {}), b = slots.Push(12, {}), c = slots.Push(15, {});
  EXPECT_EQ(slots.Done(b), 0);
  EXPECT_EQ(slots.done_beyond(), 1);
  EXPECT_EQ(slots.Done(a), 2);
  EXPECT_EQ(slots.done_beyond(), 0);
  EXPECT_EQ(slots.front().seq, 15);
  EXPECT_EQ(slots.Passed(c), 0);
  EXPECT_TRUE(slots.empty());
}

TEST(Slots, FindsWhatWasPassed) {
  Slots slots;
  slots.Push(1, {});
  const SlotId b = slots.Push(5, {});
  EXPECT_FALSE(slots.FindPassed(5));
  slots.Passed(b);
  EXPECT_EQ(slots.FindPassed(5), b);
  EXPECT_FALSE(slots.FindPassed(4));
}

}  // namespace
}  // namespace portcall::broker
