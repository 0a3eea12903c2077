#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "tests/broker/broker_world.h"

namespace portcall::broker {
namespace {

using namespace std::chrono_literals;

// A destination that takes attempts and never ends one holds up nothing but its own endpoint.
class HangingTest : public ::testing::TestWithParam<bool> {
 protected:
  void Begin() {
    entry_ = GetParam() ? world_.Pipelined("hook") : world_.Entry("hook");
    entry_.max_retries = 0;  // one failure would be the event's last
    world_.receiver("hook").Hold(true);
    ASSERT_TRUE(world_.Start({entry_}));
    for (int i = 0; i < 40; ++i) world_.Append("repo" + std::to_string(i % 10), 50);
    ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 2'000 && InFlight() >= 10; }));
  }
  std::int64_t InFlight() { return world_.StatusOf("hook").in_flight; }
  void Fit(std::int64_t bytes) {
    world_.events.max_bytes = static_cast<std::uint64_t>(bytes);
    ASSERT_TRUE(world_.Apply({entry_}));
  }
  template <class F>
  static std::chrono::steady_clock::duration TimeOf(F f) {
    const auto begun = std::chrono::steady_clock::now();
    f();
    return std::chrono::steady_clock::now() - begun;
  }
  World world_;
  config::Endpoint entry_;
};

TEST_P(HangingTest, WhatItHoldsExpiresAndTheEndpointGoesOn) {
  Begin();
  const std::int64_t bound = world_.Size().bytes / 2;
  Fit(bound);
  ASSERT_TRUE(world_.Eventually([&] { return !world_.Dead("hook").empty(); }, 10s));
  EXPECT_TRUE(world_.Eventually([&] { return world_.Size().bytes <= bound; }, 5s));
  const auto dead = world_.Dead("hook");
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].reason, "expired");
  EXPECT_EQ(dead[0].event.seq, 1);
  EXPECT_EQ(dead[0].events, dead[0].through);
  EXPECT_TRUE(world_.Eventually([&] { return InFlight() > 0; })) << "it sends again";
  EXPECT_EQ(world_.StatusOf("hook").failures, 0u);

  // What was let go was no attempt, and nothing is delivered twice or before its turn.
  world_.receiver("hook").Hold(false);
  const auto rest = static_cast<std::size_t>(2'000 - dead[0].events);
  ASSERT_TRUE(world_.receiver("hook").Await(rest));
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 0; }));
  const auto accepted = world_.receiver("hook").accepted();
  EXPECT_EQ(accepted.size(), rest);
  EXPECT_EQ(std::set(accepted.begin(), accepted.end()).size(), rest);
  EXPECT_EQ(*std::ranges::min_element(accepted), dead[0].through + 1);
  std::map<store::Seq, store::Seq> last;  // of each repository
  for (const store::Seq seq : accepted) {
    store::Seq& before = last[(seq - 1) / 50 % 10];
    if (!GetParam()) {
      EXPECT_GT(seq, before);  // the scripted sink keeps no pipeline in order
    }
    before = seq;
  }
  EXPECT_EQ(world_.Dead("hook").size(), 1u);
}

TEST_P(HangingTest, WhatItHoldsExpiresAlsoAfterItsFilterWasChanged) {
  Begin();
  entry_.ignore.actions = {"pull"};
  entry_.fingerprint = "changed";
  ASSERT_TRUE(world_.Apply({entry_}));
  ASSERT_TRUE(world_.Eventually([&] { return !world_.StatusOf("hook").pending_is_estimate && InFlight() > 0; }));
  Fit(world_.Size().bytes / 2);
  ASSERT_TRUE(world_.Eventually([&] { return !world_.Dead("hook").empty(); }, 10s));
  const std::int64_t expired = world_.Dead("hook")[0].events;
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 2'000 - expired; }));
}

TEST_P(HangingTest, AReloadWaitsForNoExpiry) {
  Begin();
  Fit(world_.Size().bytes / 2);
  // Wherever the sweep is by now: a reload that keeps the endpoint, and one that changes it.
  for (int i = 0; i < 8; ++i) {
    const auto took = TimeOf([&] { ASSERT_TRUE(world_.Apply({entry_, world_.Entry("other" + std::to_string(i))})); });
    EXPECT_LT(took, 4s);
    std::this_thread::sleep_for(200ms);
  }
  entry_.url = "http://elsewhere";
  EXPECT_LT(TimeOf([&] { ASSERT_TRUE(world_.Apply({entry_})); }), 4s);
  EXPECT_TRUE(world_.Eventually([&] { return !world_.Dead("hook").empty(); }, 10s)) << "sweeps go on";
}

TEST_P(HangingTest, AStopWaitsForNoExpiry) {
  Begin();
  Fit(world_.Size().bytes / 2);
  std::int64_t appended = 2'000;
  ASSERT_TRUE(world_.Eventually([&] {  // an endpoint counts no more while events of it expire
    world_.Append("late");
    ++appended;
    std::this_thread::sleep_for(50ms);
    return world_.StatusOf("hook").pending < appended;
  }));
  EXPECT_LT(TimeOf([&] { world_.Stop(); }), 4s);
  ASSERT_TRUE(world_.Start({entry_}));
  world_.receiver("hook").Hold(false);
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 0; }));
  std::int64_t expired = 0;
  for (const store::DeadLetter& letter : world_.Dead("hook")) {
    EXPECT_EQ(letter.reason, "expired") << "an attempt that a stop ends is none";
    expired += letter.events;
  }
  EXPECT_EQ(world_.receiver("hook").accepted().size(), static_cast<std::size_t>(appended - expired));
}

INSTANTIATE_TEST_SUITE_P(Kinds, HangingTest, ::testing::Bool(),
                         [](const auto& kind) { return std::string(kind.param ? "Pipelined" : "Plain"); });

TEST(HangingDiskTest, AReloadThatWaitsForItIsRefusedInTimeAndTheOthersGoOn) {
  World world;
  std::promise<void> answers;
  world.disk = answers.get_future().share();
  config::Endpoint stuck = world.Entry("stuck");
  stuck.url = "disk";
  ASSERT_TRUE(world.Start({world.Entry("hook")}));
  std::atomic<bool> refused = false;
  std::jthread delivery([&] {
    for (std::size_t i = 1; !refused; ++i) {
      world.Append("app");
      if (!world.receiver("hook").Await(i, 1s)) return void(ADD_FAILURE() << "not while the disk hangs");
    }
  });
  const auto begun = std::chrono::steady_clock::now();
  const Result<void> applied = world.Apply({world.Entry("hook"), stuck});
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(world.Apply({world.Entry("hook"), stuck})) << "the pool has four threads";
  refused = true;
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, Errc::kTimeout);
  EXPECT_NE(applied.error().detail.find("stuck"), std::string::npos) << applied.error().detail;
  delivery.join();
  answers.set_value();
  EXPECT_TRUE(world.Apply({world.Entry("hook"), stuck}));
  world.Append("app");
  EXPECT_TRUE(world.receiver("stuck").Await(1));
}

}  // namespace
}  // namespace portcall::broker
