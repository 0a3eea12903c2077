#include "broker/core/lane.h"

#include <gtest/gtest.h>

#include <vector>

namespace portcall::broker {
namespace {

using enum LaneState;

store::EventPtr Make(store::Seq seq) {
  auto event = std::make_shared<store::Event>();
  event->seq = seq;
  return event;
}

// A lane with `queued` events, of which `sent` are in flight.
Lane With(std::size_t queued, std::size_t sent) {
  Lane lane;
  for (std::size_t i = 1; i <= queued; ++i) lane.queue.Push({.event = Make(static_cast<store::Seq>(i))});
  lane.flight = {.sent = sent, .flying = sent};
  return lane;
}

TEST(Lane, IsNamedByTheOrder) {
  store::Event event;
  event.seq = 7;
  event.source = "relay";
  event.repository = "team/app";
  EXPECT_EQ(LaneOf(event, Laning::kRepository), "relay\nteam/app");
  EXPECT_EQ(LaneOf(event, Laning::kStrict), "*");
  EXPECT_EQ(LaneOf(event, Laning::kNone), "#7");
}

TEST(Lane, GoesTheWayOfAnEventThatFailsAndIsReadAgain) {
  Lane lane = With(2, 0);
  lane.Become(kReady);
  lane.Become(kIdle);
  lane.flight = {.sent = 1, .flying = 1};
  lane.Become(kInFlight);
  lane.Become(kDraining);
  lane.flight = {};
  lane.behind.parked = true;
  lane.due = kSecond;
  for (const LaneState next : {kWaiting, kIdle, kToBeRead, kBeingRead, kToBeRead, kBeingRead, kIdle, kReady}) {
    lane.Become(next);
    EXPECT_EQ(lane.state(), next);
  }
}

TEST(Lane, WhatWaitsOrIsReadHasNothingInFlight) {
  for (const LaneState from : {kWaiting, kToBeRead, kBeingRead}) {
    for (const LaneState to : {kStarting, kInFlight, kHalted, kDraining}) EXPECT_FALSE(MayFollow(from, to));
  }
}

TEST(Lane, WhatFailedIsParkedBeforeAnythingElse) {
  for (const LaneState to : {kIdle, kReady, kStarting, kInFlight, kHalted, kToBeRead, kBeingRead}) {
    EXPECT_FALSE(MayFollow(kDraining, to));
  }
  EXPECT_TRUE(MayFollow(kDraining, kWaiting));
}

TEST(LaneDeathTest, RefusesAStateThatMayNotFollow) {
  Lane lane = With(1, 0);
  EXPECT_DEATH(lane.Become(kDraining), "MayFollow");
}

TEST(LaneDeathTest, RefusesAStateThatItsFieldsDoNotFit) {
  Lane empty;
  EXPECT_DEATH(empty.Become(kReady), "Fits");
  Lane idle = With(1, 0);
  EXPECT_DEATH(idle.Become(kInFlight), "Fits");
  Lane sent = With(1, 1);
  EXPECT_DEATH(sent.Become(kReady), "Fits");
  Lane nowhere = With(1, 0);
  EXPECT_DEATH(nowhere.Become(kToBeRead), "Fits");
}

TEST(LaneQueue, GivesItsEventsInOrder) {
  LaneQueue queue;
  for (store::Seq seq = 1; seq <= 300; ++seq) queue.Push({.event = Make(seq)});
  for (store::Seq seq = 1; seq <= 300; ++seq) {
    ASSERT_EQ(queue.front().event->seq, seq);
    EXPECT_EQ(queue.Pop().event->seq, seq);
    EXPECT_EQ(queue.size(), static_cast<std::size_t>(300 - seq));
  }
}

TEST(LaneQueue, FindsAnAttemptAmongThoseThatWereSent) {
  LaneQueue queue;
  for (const AttemptId id : {3u, 5u, 9u, 0u}) queue.Push({.event = Make(1), .attempt = id});
  EXPECT_EQ(queue.Find(5, 3), &queue.at(1));
  EXPECT_EQ(queue.Find(4, 3), nullptr);
  EXPECT_EQ(queue.Find(9, 2), nullptr);
  EXPECT_EQ(queue.Find(10, 3), nullptr);
}

}  // namespace
}  // namespace portcall::broker
