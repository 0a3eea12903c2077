#include "broker/core/lines.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

store::Event Make(const std::string& source, const std::string& repository, store::Seq seq = 1) {
  store::Event event;
  event.seq = seq;
  event.source = source;
  event.repository = repository;
  return event;
}

class LinesTest : public ::testing::Test {
 protected:
  Lane& Queued(const std::string& repository) {
    Lane& lane = lines_.Of(Make("", repository));
    lane.queue.Push({.event = std::make_shared<store::Event>(Make("", repository))});
    return lane;
  }
  Lines lines_{Laning::kRepository};
};

TEST_F(LinesTest, TheSameRepositoryOfTwoSourcesIsTwoLanes) {
  Lane& ours = lines_.Of(Make("", "app"));
  EXPECT_EQ(&lines_.Of(Make("", "app")), &ours);
  EXPECT_NE(&lines_.Of(Make("relay", "app")), &ours);
  EXPECT_EQ(&lines_.Named("\napp"), &ours);
  EXPECT_EQ(&lines_.Named("relay\napp"), &lines_.Of(Make("relay", "app")));
  EXPECT_EQ(lines_.all().size(), 2u);
}

TEST_F(LinesTest, StoredNamesTellWhatTheyAre) {
  EXPECT_EQ(lines_.Named("*").kind, LaneKey::Kind::kStrict);
  EXPECT_EQ(lines_.Named("#12").kind, LaneKey::Kind::kSingle);
  EXPECT_EQ(lines_.Named("\n#12").kind, LaneKey::Kind::kRepository);
}

TEST_F(LinesTest, AKeyIsNamedAsItIsParsed) {
  const std::vector<std::string> names = {"\na",     "\nab", "s\na", "sa\n", "\na:", "\na:b", "\na:bc",
                                          "\na:b:c", "*",    "#1",   "#12",  "\n*",  ""};
  for (const std::string& a : names) {
    for (const std::string& b : names) {
      EXPECT_EQ(LaneKey::Parse(a).IsNamed(b), LaneKey::Parse(a) == LaneKey::Parse(b)) << a << " and " << b;
    }
  }
}

TEST_F(LinesTest, AnIdOutlivesItsLaneAndFindsNothing) {
  Lane& first = lines_.Named("#1");
  const LaneId id = first.id;
  EXPECT_EQ(lines_.Find(id), &first);
  EXPECT_EQ(lines_.Find({}), nullptr);
  lines_.DropIfForgettable(first, 0);
  EXPECT_EQ(lines_.Find(id), nullptr);
  const LaneId second = lines_.Named("#2").id;  // where the first one lay
  EXPECT_EQ(second.cell, id.cell);
  EXPECT_EQ(lines_.Find(id), nullptr);
  lines_.Clear();
  EXPECT_NE(lines_.Named("#2").id, second);
  EXPECT_EQ(lines_.Find(second), nullptr);
}

TEST_F(LinesTest, WhatSomethingDependsOnIsKept) {
  Lane& behind = lines_.Named("#1");
  behind.done_through = 5;  // its row says so, and the cursor stands before it
  lines_.DropIfForgettable(behind, 4);
  Lane& dirty = lines_.Named("#2");
  EXPECT_TRUE(lines_.MarkDirty(dirty));
  EXPECT_FALSE(lines_.MarkDirty(dirty));
  lines_.DropIfForgettable(dirty, 9);
  Lane& parked = lines_.Named("#3");
  lines_.SetParked(parked, true);
  lines_.DropIfForgettable(parked, 9);
  EXPECT_EQ(lines_.all().size(), 3u);
  lines_.DropIfForgettable(behind, 5);
  EXPECT_EQ(lines_.all().size(), 2u);
}

TEST_F(LinesTest, ReadyLanesGoInTheOrderInWhichTheyCame) {
  Lane &a = Queued("a"), &b = Queued("b"), &c = Queued("c");
  for (Lane* lane : {&a, &b, &a, &c}) lines_.MakeReady(*lane);
  EXPECT_EQ(lines_.ready(), 3u);
  b.queue.Push({.event = b.queue.front().event});
  b.flight = {.sent = 1, .flying = 1};
  lines_.Leave(b, LaneState::kHalted);
  EXPECT_EQ(&lines_.TakeReady(), &a);
  EXPECT_EQ(a.state(), LaneState::kIdle);
  EXPECT_EQ(&lines_.TakeReady(), &c);
  EXPECT_EQ(lines_.ready(), 0u);
}

TEST_F(LinesTest, WaitingLanesComeByTheirTimeAndThenByAge) {
  Lane &a = Queued("a"), &b = Queued("b"), &c = Queued("c");
  for (Lane* lane : {&a, &b, &c}) lines_.SetParked(*lane, true);
  lines_.Wait(b, 20);
  lines_.Wait(c, 10);
  lines_.Wait(a, 20);
  EXPECT_EQ(lines_.next_due(), 10);
  EXPECT_EQ(&lines_.TakeDue(), &c);
  EXPECT_EQ(&lines_.TakeDue(), &a);
  EXPECT_EQ(&lines_.TakeDue(), &b);
  EXPECT_EQ(lines_.next_due(), kNever);
}

TEST_F(LinesTest, AReadThatFailedIsInLineAgain) {
  Lane& lane = lines_.Named("\napp");
  lines_.SetParked(lane, true);
  lines_.WantRead(lane);
  EXPECT_EQ(&lines_.TakeToRead(100), &lane);
  EXPECT_EQ(lines_.being_read(), 1u);
  lines_.ReadFailed(lane);
  EXPECT_EQ(lines_.to_read(), 1u);
  EXPECT_EQ(lines_.being_read(), 0u);
  lines_.TakeToRead(100);
  lines_.ReadEnded(lane);
  EXPECT_EQ(lane.state(), LaneState::kIdle);
}

TEST_F(LinesTest, TheParkedLaneThatIsFurthestBehindNeedsItsEvents) {
  EXPECT_EQ(lines_.DecidedThrough(50), 50);
  for (const store::Seq next : {30, 20, 40}) {
    Lane& lane = lines_.Named("\n" + std::to_string(next));
    lane.behind.next_seq = next;
    lines_.SetParked(lane, true);
  }
  EXPECT_EQ(lines_.DecidedThrough(50), 19);
  lines_.SetParked(lines_.Named("\n20"), false);
  EXPECT_EQ(lines_.DecidedThrough(50), 29);
  EXPECT_EQ(lines_.parked(), 2u);
}

TEST_F(LinesTest, AParkedLaneThatMovesOnNeedsWhatItHasPassedNoMore) {
  for (const store::Seq next : {20, 30}) {
    Lane& lane = lines_.Named("\n" + std::to_string(next));
    lane.behind.next_seq = next;
    lines_.SetParked(lane, true);
  }
  EXPECT_EQ(lines_.DecidedThrough(50), 19);
  Lane& lane = lines_.Named("\n20");
  lane.behind.next_seq = 40;
  lines_.MarkDirty(lane);
  EXPECT_EQ(lines_.DecidedThrough(50), 29);
}

}  // namespace
}  // namespace portcall::broker
