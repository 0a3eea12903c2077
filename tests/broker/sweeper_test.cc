#include "broker/sweeper.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/broker/broker_world.h"

namespace portcall::broker {
namespace {

using namespace std::chrono_literals;

class SweeperTest : public ::testing::Test {
 protected:
  // With a log as large as it may be, which refuses more, and is looked at by the clock only at the start.
  Result<void> StartAtTheBound() {
    world_.sweep_interval = 1h;
    world_.events.on_full = config::OnFull::kRefuse;
    world_.Append("repo", 2'000);
    world_.events.max_bytes = static_cast<std::uint64_t>(world_.Size().bytes);
    world_.receiver("hook").Hold(true);
    return world_.Start({world_.Entry("hook")});
  }
  World world_;
};

// Of what must not be repeated, attempts have their whole timeout before they are ended.
TEST_F(SweeperTest, AnExpiryThatTakesLongHoldsUpNobodyElse) {
  auto slow = world_.Entry("slow");
  slow.retry_on_timeout = false;
  slow.timeout = 1h;
  world_.receiver("slow").Hold(true);
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  world_.receiver("gone").Set([](const store::Event&) { return Receiver::Fail(); });
  ASSERT_TRUE(world_.Start({slow, world_.Entry("hook"), world_.Entry("gone")}));
  world_.Append("repo", 2'000);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("slow").in_flight > 0; }));
  world_.events.max_bytes = static_cast<std::uint64_t>(world_.Size().bytes / 2);
  ASSERT_TRUE(world_.Apply({slow, world_.Entry("hook")}));
  EXPECT_TRUE(world_.Eventually([&] { return !world_.Dead("hook").empty(); }));
  EXPECT_TRUE(world_.Eventually([&] { return !world_.Dead("gone").empty(); }));
  // The rounds go on, and so do reloads.
  world_.Append("repo", 2'000);
  EXPECT_TRUE(world_.Eventually([&] { return world_.Dead("hook")[0].through > 2'000; }));
  EXPECT_TRUE(world_.Eventually([&] { return world_.AllOf("gone").empty(); }));
  EXPECT_TRUE(world_.Dead("slow").empty());
  ASSERT_TRUE(world_.Apply({slow, world_.Entry("hook"), world_.Entry("new")}));
  EXPECT_GT(world_.StatusOf("slow").in_flight, 0);
}

TEST_F(SweeperTest, ALogThatGrowsFastIsLookedAtBeforeItsTime) {
  ASSERT_TRUE(StartAtTheBound());
  world_.Append("repo", 2'100);
  EXPECT_TRUE(world_.Eventually([&] { return world_.broker().LogIsFull(); }));
  world_.receiver("hook").Hold(false);
  ASSERT_TRUE(world_.receiver("hook").Await(2'100));
  EXPECT_TRUE(world_.Eventually([&] {
    world_.Append("repo", 101);
    return !world_.broker().LogIsFull();
  }));
}

TEST_F(SweeperTest, WhatComesWhileTheLoopIsBusyCountsToo) {
  ASSERT_TRUE(StartAtTheBound());
  ASSERT_TRUE(world_.Eventually(
      [&] { return world_.Size().bytes < static_cast<std::int64_t>(world_.events.max_bytes) / 5 * 4; }));
  std::promise<void> done;
  asio::post(world_.loop().executor(), [free = done.get_future().share()] { free.wait(); });
  for (int i = 0; i < 420; ++i) world_.Append("repo", 5);
  done.set_value();
  EXPECT_TRUE(world_.Eventually([&] { return world_.broker().LogIsFull(); }));
}

TEST_F(SweeperTest, AfterAStartWhoIsWellGetsWhatItMissedBeforeAnythingExpires) {
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.receiver("hook").Hold(true);
  world_.Append("repo", 2'000);
  world_.Stop();
  world_.receiver("hook").Hold(false);
  world_.events.max_bytes = static_cast<std::uint64_t>(world_.Size().bytes / 2);
  world_.sweep_interval = 20s;
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  ASSERT_TRUE(world_.receiver("hook").Await(2'000));
  EXPECT_TRUE(world_.Dead("hook").empty());
}

TEST_F(SweeperTest, AReloadLooksAtOnce) {
  world_.sweep_interval = 1h;
  world_.receiver("hook").Hold(true);
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 2'000);
  world_.events.max_bytes = static_cast<std::uint64_t>(world_.Size().bytes / 2);
  world_.events.on_full = config::OnFull::kRefuse;
  ASSERT_TRUE(world_.Apply({world_.Entry("hook")}));
  EXPECT_TRUE(world_.Eventually([&] { return world_.broker().LogIsFull(); }));
}

}  // namespace
}  // namespace portcall::broker
