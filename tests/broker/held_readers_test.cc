#include "tests/broker/held_readers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "broker/endpoint/endpoint_runner.h"
#include "tests/broker/manual_sink.h"
#include "tests/broker/shell_test.h"

namespace portcall::broker {
namespace {

using namespace std::chrono_literals;

// Changes the entry, so that its runner is made anew.
config::Endpoint Changed(config::Endpoint entry) {
  entry.url += "/changed";
  entry.fingerprint += "changed";
  return entry;
}

TEST(HeldReadersTest, AReloadOfEndpointsThatLagBehindReadsNoEvents) {
  World world;
  world.sweep_interval = 1h;
  config::Endpoint entry = world.Entry("hook");
  world.receiver("hook").Hold(true);
  ASSERT_TRUE(world.Start({entry}));
  for (int i = 0; i < 50; ++i) world.Append("repo" + std::to_string(i));
  ASSERT_TRUE(world.Eventually([&] { return world.StatusOf("hook").pending == 50; }));
  // A sweep that is under way has it refused.
  EXPECT_TRUE(world.Eventually([&] {
    const HeldReaders held(world);
    entry = Changed(entry);
    return static_cast<bool>(world.Apply({entry}));
  }));
  world.receiver("hook").Hold(false);
  EXPECT_TRUE(world.receiver("hook").Await(50));
}

TEST(HeldReadersTest, AReloadIsRefusedWhileASweepHangsAndAllIsAsBefore) {
  World world;
  const config::Endpoint entry = world.Entry("hook");
  ASSERT_TRUE(world.Start({entry}));
  {
    const HeldReaders held(world);
    Result<void> applied;
    ASSERT_TRUE(world.Eventually([&] {
      applied = world.Apply({entry});
      return !applied;
    }));
    EXPECT_EQ(applied.error().code, Errc::kTimeout) << applied.error().detail;
    world.Append("app");
    EXPECT_TRUE(world.receiver("hook").Await(1)) << "it delivers";
  }
  EXPECT_TRUE(world.Eventually([&] { return static_cast<bool>(world.Apply({entry, world.Entry("new")})); }));
  world.Append("app");
  EXPECT_TRUE(world.receiver("new").Await(1));
}

TEST(BusyLoopTest, AttemptsHaveNoMoreTimeWhereTheLoopComesToAStopLate) {
  constexpr auto kGrace = 5s;
  World world;
  world.receiver("hook").Hold(true);
  ASSERT_TRUE(world.Start({world.Entry("hook")}));
  world.Append("app");
  ASSERT_TRUE(world.Eventually([&] { return world.StatusOf("hook").in_flight == 1; }));
  asio::post(world.loop().executor(), [=] { std::this_thread::sleep_for(kGrace); });
  const auto begun = std::chrono::steady_clock::now();
  world.broker().Stop(kGrace);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 2 * kGrace - 1s);
}

class HeldRunnerTest : public ShellTest {
 protected:
  HeldRunnerTest() : ShellTest(/*ring_bytes=*/1) {}
};

TEST_F(HeldRunnerTest, AStopWaitsForNoReadThatHasNotBegun) {
  constexpr bool kGoOn = false;
  for (int i = 0; i < 30; ++i) world_.Append("repo", 100);
  config::Endpoint entry = Entry();
  store::Cursor cursor;
  cursor.fingerprint = Filter(entry).fingerprint();
  Open(entry, cursor);
  std::vector<std::future<Result<CatchUpReader::Chunk>>> others;
  std::unique_ptr<EndpointRunner> runner;
  {
    const HeldReaders held(world_);
    for (const store::Seq after : {1'024, 2'048}) others.push_back(runner_.Start(reader_.Read(after, 3'000, kGoOn)));
    On([&] {
      Opened opened;
      opened.endpoint = entry;
      opened.cursor = cursor_;
      runner = std::make_unique<EndpointRunner>(around_, std::move(opened), std::make_unique<ManualSink>());
      runner->Drive();
    });
    EXPECT_EQ(On([&] { return runner->Status().pending; }), 0) << "it waits for the log";
    runner_.Run(runner->Stop(1h));
  }
  for (auto& other : others) EXPECT_TRUE(runner_.Await(std::move(other)));
  On([&] { runner.reset(); });
}

}  // namespace
}  // namespace portcall::broker
