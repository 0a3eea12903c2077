#include "broker/tail/event_ring.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

std::vector<store::EventPtr> Events(store::Seq first, store::Seq last) {
  std::vector<store::EventPtr> events;
  for (store::Seq seq = first; seq <= last; ++seq) {
    auto event = std::make_shared<store::Event>();
    event->seq = seq;
    event->details = std::string(100, 'x');
    events.push_back(event);
  }
  return events;
}

class EventRingTest : public ::testing::Test {
 protected:
  std::vector<store::EventPtr> got_;
  store::Seq through_ = 0;
};

TEST_F(EventRingTest, GivesWhatComesAfterAPlace) {
  EventRing ring(10);
  ring.Append(Events(11, 20));
  ASSERT_TRUE(ring.ReadAfter(14, 3, got_, through_));
  EXPECT_EQ(got_.front()->seq, 15);
  EXPECT_EQ(through_, 17);
  ASSERT_TRUE(ring.ReadAfter(20, 3, got_, through_));
  EXPECT_TRUE(got_.empty());
  EXPECT_EQ(through_, 20);
  EXPECT_FALSE(ring.ReadAfter(9, 3, got_, through_));
}

TEST_F(EventRingTest, WakesOnceUntilTheReadersAreAwake) {
  EventRing ring(0);
  EXPECT_TRUE(ring.Append(Events(1, 1)));
  EXPECT_FALSE(ring.Append(Events(2, 2)));
  ring.Awake();
  EXPECT_TRUE(ring.Append(Events(3, 3)));
}

TEST_F(EventRingTest, IsBoundedInBytesAndSaysWhatItNoLongerHolds) {
  EventRing ring(0, 10'000);
  ring.Append(Events(1, 1'000));
  EXPECT_FALSE(ring.ReadAfter(0, 10, got_, through_));
  EXPECT_EQ(ring.head(), 1'000);
  ASSERT_TRUE(ring.ReadAfter(995, 100, got_, through_));
  EXPECT_EQ(got_.size(), 5u);
}

TEST_F(EventRingTest, AGapIsNeverReadOver) {
  EventRing ring(0);
  ring.Append(Events(1, 5));
  ring.Append(Events(9, 10));
  EXPECT_FALSE(ring.ReadAfter(4, 10, got_, through_));
  EXPECT_FALSE(ring.ReadAfter(7, 10, got_, through_));
  ASSERT_TRUE(ring.ReadAfter(8, 10, got_, through_));
  EXPECT_EQ(got_.size(), 2u);
}

}  // namespace
}  // namespace portcall::broker
