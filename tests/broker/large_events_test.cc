#include "broker/tail/large_events.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/broker/broker_world.h"

namespace portcall::broker {
namespace {

store::EventPtr EventOf(store::Seq seq, std::size_t bytes) {
  store::Event event;
  event.seq = seq;
  event.details = std::string(bytes, 'x');
  return std::make_shared<const store::Event>(std::move(event));
}

TEST(LargeEvents, WhatSomebodyHoldsIsThereOnceWhenItIsReadAgain) {
  LargeEvents large;
  std::vector<store::EventPtr> first{EventOf(1, 1 << 20), EventOf(2, 100)};
  std::vector<store::EventPtr> again{EventOf(1, 1 << 20), EventOf(2, 100), EventOf(3, 1 << 20)};
  large.Share(first);
  large.Share(again);
  EXPECT_EQ(again[0], first[0]);
  EXPECT_NE(again[1], first[1]);
  EXPECT_EQ(again[2]->seq, 3);
  EXPECT_EQ(large.known(), 2u);
}

TEST(LargeEvents, WhatWasAppendedIsKnown) {
  LargeEvents large;
  const std::vector<store::EventPtr> appended{EventOf(7, 1 << 20)};
  large.Remember(appended);
  std::vector<store::EventPtr> read{EventOf(7, 1 << 20)};
  large.Share(read);
  EXPECT_EQ(read[0], appended[0]);
}

TEST(LargeEvents, NothingIsKeptForItAndForgottenInTime) {
  LargeEvents large;
  std::vector<store::EventPtr> events{EventOf(1, 1 << 20)};
  const std::weak_ptr<const store::Event> held = events[0];
  large.Share(events);
  events.clear();
  EXPECT_TRUE(held.expired());
  for (store::Seq seq = 2; seq < 1'000; ++seq) {
    std::vector<store::EventPtr> more{EventOf(seq, LargeEvents::kLarge)};
    large.Share(more);
  }
  EXPECT_LE(large.known(), 64u);
}

// Large events of many repositories, to endpoints that do not answer.
class SilentEndpoints : public ::testing::Test {
 protected:
  void Start(int endpoints) {
    std::vector<config::Endpoint> entries;
    for (int i = 0; i < endpoints; ++i) {
      entries.push_back(world_.Entry("e" + std::to_string(i)));
      world_.receiver(entries.back().name).Hold(true);
    }
    ASSERT_TRUE(world_.Start(entries));
  }
  void Append(int events) {
    world_.details = std::string(1 << 20, 'x');
    for (int i = 0; i < events; ++i) world_.Append("repo" + std::to_string(i));
  }
  std::int64_t Flying(const std::string& name) { return world_.StatusOf(name).in_flight; }
  World world_;
};

TEST_F(SilentEndpoints, OneMayHaveSixteenMebibytesInFlight) {
  Start(1);
  Append(24);
  EXPECT_TRUE(world_.Eventually([this] { return Flying("e0") >= 15; }));
  EXPECT_LE(Flying("e0"), 17);
}

TEST_F(SilentEndpoints, LargeEventsBehindSmallOnesKeepNoLaneFromItsTurnAfterARestart) {
  const config::Endpoint entry = world_.Entry("e0");
  world_.receiver("e0").Hold(true);
  ASSERT_TRUE(world_.Start({entry}));
  for (int i = 0; i < 12; ++i) {
    world_.details.clear();
    world_.Append("repo" + std::to_string(i));
    world_.details = std::string(3 << 20, 'x');
    world_.Append("repo" + std::to_string(i));
  }
  ASSERT_TRUE(world_.Eventually([this] { return Flying("e0") == 12; }));
  world_.Stop();
  world_.ForgetMetrics();
  ASSERT_TRUE(world_.Start({entry}));
  EXPECT_TRUE(world_.Eventually([this] { return Flying("e0") == 12; }));
}

TEST_F(SilentEndpoints, ManyDivideWhatAllTogetherMayHave) {
  Start(40);  // 256 MiB for all: each has 6.4
  Append(24);
  for (const char* name : {"e0", "e20", "e39"}) {
    EXPECT_TRUE(world_.Eventually([&] { return Flying(name) >= 6; })) << name;
    EXPECT_LE(Flying(name), 8) << name;
  }
}

TEST_F(SilentEndpoints, AReloadDividesItAnew) {
  Start(40);
  Append(24);
  ASSERT_TRUE(world_.Eventually([&] { return Flying("e0") >= 6; }));
  ASSERT_TRUE(world_.Apply({world_.Entry("e0")}));
  EXPECT_TRUE(world_.Eventually([this] {
    world_.Append("small");  // wakes it
    return Flying("e0") >= 15;
  }));
}

}  // namespace
}  // namespace portcall::broker
