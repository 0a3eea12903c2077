#include <gtest/gtest.h>

#include <atomic>

#include "tests/broker/broker_world.h"

// What waits goes by itself: nothing else need happen that would set it going.
namespace portcall::broker {
namespace {

using namespace std::chrono_literals;

class StandstillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.receiver("hook").Set([this](const store::Event&) { return up_ ? Receiver::Accept() : Receiver::Fail(503); });
  }
  void FailOnce() {
    ASSERT_TRUE(world_.Eventually([&] { return world_.Attempts("hook", 1) >= 2; }));
  }
  World world_;
  std::atomic<bool> up_ = false;
};

class StrictStandstillTest : public StandstillTest {
 protected:
  void SetUp() override {
    StandstillTest::SetUp();
    entry_ = world_.Entry("hook");
    entry_.order = config::Order::kStrict;
    entry_.fingerprint = "1";
    ASSERT_TRUE(world_.Start({entry_}));
    world_.Append("a");
    FailOnce();
  }
  config::Endpoint entry_;
};

TEST_F(StrictStandstillTest, WhatWaitedGoesAfterARestart) {
  world_.Stop();
  up_ = true;
  ASSERT_TRUE(world_.Start({entry_}));
  EXPECT_TRUE(world_.receiver("hook").Await(1));
}

TEST_F(StrictStandstillTest, WhatWaitedGoesAfterAReload) {
  up_ = true;
  entry_.fingerprint = "2";
  entry_.concurrency = 7;
  ASSERT_TRUE(world_.Apply({entry_}));
  EXPECT_TRUE(world_.receiver("hook").Await(1));
}

// Its events take more pages than one, each read for what supersedes its first event.
TEST_F(StandstillTest, ARepositoryGoesWhoseTagsAreNowCollapsed) {
  config::Endpoint entry = world_.Entry("hook");
  entry.fingerprint = "1";
  ASSERT_TRUE(world_.Start({entry}));
  for (int i = 0; i < 400; ++i) {
    world_.tag = "v" + std::to_string(i);
    world_.Append("app");
  }
  FailOnce();
  entry.fingerprint = "2";
  entry.collapse = true;
  entry.debounce = 0ms;
  ASSERT_TRUE(world_.Apply({entry}));
  up_ = true;
  EXPECT_TRUE(world_.receiver("hook").Await(400, 60s)) << world_.receiver("hook").accepted().size();
}

}  // namespace
}  // namespace portcall::broker
