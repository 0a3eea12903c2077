#include "broker/endpoint/endpoint_runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "store/sqlite/connection.h"
#include "store/sqlite/tx.h"
#include "tests/broker/manual_sink.h"
#include "tests/broker/shell_test.h"

// The table in the header, row by row.
namespace portcall::broker {
namespace {

using namespace std::chrono_literals;
using Seqs = std::vector<store::Seq>;

struct Row {
  Stage stage;
  bool expires = false;      // an expiry that is asked for is made
  bool goes_on = false;      // after an outcome the next event goes out
  bool counts = false;       // an outcome is judged, and stored at the end
  bool tries_again = false;  // a settlement that is refused is stored once the store takes it
};
constexpr Row kRows[] = {
    {.stage = Stage::kStarting, .goes_on = true, .counts = true, .tries_again = true},
    {.stage = Stage::kRunning, .expires = true, .goes_on = true, .counts = true, .tries_again = true},
    {.stage = Stage::kEnding, .counts = true, .tries_again = true},
    {.stage = Stage::kLost},
    {.stage = Stage::kDraining, .counts = true},
};

std::string NameOf(Stage stage) {
  static const char* const kNames[] = {"Starting", "Running", "Ending", "Quiet", "Lost", "Draining", "Stopped"};
  return kNames[static_cast<std::size_t>(stage)];
}

class RunnerTest : public ShellTest {
 protected:
  // Six events of six repositories, three of them under way.
  void Begin(bool counted = true) {
    for (int i = 0; i < 6; ++i) world_.Append("repo" + std::to_string(i));
    config::Endpoint entry = Entry();
    entry.concurrency = 3;
    store::Cursor cursor;
    cursor.fingerprint = counted ? Filter(entry).fingerprint() : "of an older filter";
    Open(entry, cursor);
    Opened opened;
    opened.endpoint = entry;
    opened.cursor = cursor_;
    if (!counted) Hide("events");  // so the count cannot come to its end; what the ring has goes out
    On([&] {
      auto sink = std::make_unique<ManualSink>();
      sink_ = sink.get();
      endpoint_ = std::make_unique<EndpointRunner>(around_, std::move(opened), std::move(sink));
      endpoint_->Drive();
    });
    ASSERT_TRUE(Eventually([this] { return sink_->flying() == Seqs{1, 2, 3}; }));
  }
  void Enter(Stage stage) {
    Begin(stage != Stage::kStarting);
    if (stage == Stage::kEnding) {
      On([this] { sink_->deaf = 1'000'000; });
      expiry_ = runner_.Start(endpoint_->Expire(3));
    }
    if (stage == Stage::kLost) {
      Sql("UPDATE cursors SET holder=holder+1");
      Answer(1);
      ASSERT_TRUE(Eventually([this] { return endpoint_->lost() && sink_->flying().empty(); }));
    }
    if (stage == Stage::kDraining) stop_ = runner_.Start(endpoint_->Stop(1h));
    On([] {});
  }
  void TearDown() override {
    if (endpoint_ && !stopped_) Stop();
    if (expiry_.valid()) runner_.Await(std::move(expiry_));
    On([this] { endpoint_.reset(); });
    ShellTest::TearDown();
  }
  // Ends it in whatever stage it is.
  void Stop() {
    stopped_ = true;
    if (stop_.valid()) {
      On([this] { sink_->EndAll({}); });  // by themselves, within the grace
    } else {
      stop_ = runner_.Start(endpoint_->Stop(0ms));
    }
    runner_.Await(std::move(stop_));
  }
  bool Eventually(const std::function<bool()>& condition) {
    return world_.Eventually([&] { return On(condition); });
  }
  void Answer(store::Seq seq) {
    On([&] { sink_->End(seq, Receiver::Accept()); });
  }
  bool Storing(std::int64_t settled) {
    return world_.Eventually([&] { return Stored().settled == settled; }, 5s);
  }
  std::string Reason() {
    return On([this] { return endpoint_->Status().reason; });
  }
  ManualSink* sink_ = nullptr;
  std::unique_ptr<EndpointRunner> endpoint_;
  std::future<void> expiry_, stop_;
  bool stopped_ = false;
};

// What is recorded never lies before what was recorded earlier, so it lies ahead for as long as the clock was.
TEST_F(RunnerTest, WhatIsPendingIsLateThoughTheClockWasAheadWhenItCame) {
  Begin();
  world_.clock().SetWallAhead(-24h);
  On([this] { endpoint_->Tick(); });
  world_.clock().Advance(2h);
  On([this] { endpoint_->Tick(); });
  EXPECT_GE(On([this] { return endpoint_->Status().oldest_pending; }), 2h);
  Answer(1);
  const auto age = [this] {
    return On([this] {
      endpoint_->Tick();
      return endpoint_->Status().oldest_pending;
    });
  };
  EXPECT_TRUE(world_.Eventually([&] { return age() < 1h; }, 5s)) << "another one is the oldest now";
}

// A sink that keeps what it was given until its destination is back would send it then.
TEST_F(RunnerTest, APauseTakesBackWhatWaitsInsideTheSink) {
  Begin();
  On([this] { endpoint_->Pause("moved (by root)", 17); });
  On([this] { endpoint_->Tick(); });
  EXPECT_EQ(On([this] { return sink_->interrupts; }), 0) << "what a destination takes ends by itself";
  On([this] {
    sink_->trouble = "no broker answers";
    endpoint_->Tick();
  });
  EXPECT_TRUE(Eventually([this] { return sink_->flying().empty(); }));
  On([this] {
    sink_->trouble.clear();
    endpoint_->Resume();
  });
  EXPECT_TRUE(Eventually([this] { return sink_->flying().size() == 3; }));
  On([this] { endpoint_->Tick(); });
  EXPECT_EQ(On([this] { return sink_->interrupts; }), 1) << "what goes out afterwards stays out";
  EXPECT_EQ(On([this] { return endpoint_->Status().pending; }), 6);
}

class RunnerTableTest : public RunnerTest, public ::testing::WithParamInterface<Row> {};

TEST_P(RunnerTableTest, AnExpiryIsMadeOrLeftToTheNextSweep) {
  Enter(GetParam().stage);
  if (GetParam().expires) On([this] { sink_->trouble = "away, so nobody waits for it"; });
  runner_.Run(endpoint_->Expire(3));
  EXPECT_EQ(Dead().size(), GetParam().expires ? 1u : 0u);
}

TEST_P(RunnerTableTest, AnOutcomeCountsAsLongAsTheCursorIsOurs) {
  Enter(GetParam().stage);
  const int delivers = On([this] { return sink_->delivers; });
  const bool flying = GetParam().stage != Stage::kLost;
  if (flying) Answer(2);
  if (GetParam().goes_on) {
    EXPECT_TRUE(Eventually([&] { return sink_->delivers == delivers + 1; }));
  }
  if (GetParam().stage == Stage::kStarting) Reveal("events");
  Stop();
  if (!GetParam().goes_on) {
    EXPECT_EQ(On([this] { return sink_->delivers; }), delivers);
  }
  EXPECT_EQ(Stored().settled, GetParam().counts ? 1 : 0);
}

TEST_P(RunnerTableTest, AStopEndsAndStoresWhatIsDecided) {
  Enter(GetParam().stage);
  if (GetParam().counts) Answer(1);
  if (GetParam().stage == Stage::kStarting) Reveal("events");
  Stop();
  EXPECT_TRUE(On([this] { return sink_->closed && sink_->flying().empty(); }));
  EXPECT_EQ(Stored().settled, GetParam().counts ? 1 : 0);
  for (const store::ParkedLane& lane : Parked()) {
    EXPECT_EQ(lane.attempts, GetParam().stage == Stage::kDraining ? 1 : 0) << "what a stop ends is no attempt";
  }
  const int delivers = On([this] { return sink_->delivers; });
  world_.Append("late");
  On([this] { endpoint_->Drive(); });
  runner_.Run(endpoint_->Expire(3));
  EXPECT_EQ(On([this] { return sink_->delivers; }), delivers) << "stopped: nothing happens any more";
  EXPECT_TRUE(Dead().empty());
}

TEST_P(RunnerTableTest, ASettlementThatIsRefusedIsTriedAgainWhileThereIsTime) {
  Enter(GetParam().stage);
  Refuse("cursors");
  if (GetParam().counts) Answer(1);
  if (GetParam().goes_on) {
    EXPECT_TRUE(Eventually([this] { return sink_->flying() == Seqs{2, 3, 4}; })) << "nobody waits for the disk";
  }
  if (GetParam().tries_again) {
    AwaitWriter();
    EXPECT_EQ(Stored().settled, 0);
    Permit("cursors");
    EXPECT_TRUE(Storing(1));
  } else {
    Stop();
    Permit("cursors");
    EXPECT_EQ(Stored().settled, 0) << "the next start decides anew";
  }
  if (GetParam().stage == Stage::kStarting) Reveal("events");
}

INSTANTIATE_TEST_SUITE_P(Stages, RunnerTableTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return NameOf(row.param.stage); });

// Quiet: nothing is under way, and the store is at work on the cursor.
class QuietRunnerTest : public RunnerTest {
 protected:
  void EnterQuiet() {
    Begin();
    On([this] { sink_->EndAll(Receiver::Fail(410)); });
    ASSERT_TRUE(world_.Eventually([this] { return Parked().size() == 3; }));
    writer_ = std::jthread([this] {
      (void)world_.store().WriteNow([this](store::Tx&) -> Result<bool> {
        at_work_ = true;
        held_.wait();
        return true;
      });
    });
    ASSERT_TRUE(world_.Eventually([this] { return at_work_.load(); }));
    expiry_ = runner_.Start(endpoint_->Expire(5));
  }
  void TearDown() override {
    Release();
    RunnerTest::TearDown();
  }
  void Release() {
    if (writer_.joinable()) {
      release_.set_value();
      writer_.join();
    }
  }
  std::atomic<bool> at_work_ = false;
  std::promise<void> release_;
  std::shared_future<void> held_ = release_.get_future().share();
  std::jthread writer_;
};

TEST_F(QuietRunnerTest, AStopComesToItsEndAsSoonAsTheStoreHasAnswered) {
  EnterQuiet();
  stop_ = runner_.Start(endpoint_->Stop(0ms));
  Release();
  runner_.Await(std::move(stop_));
  stopped_ = true;
  EXPECT_TRUE(On([this] { return sink_->closed; }));
}

TEST_F(QuietRunnerTest, AnotherExpiryIsLeftToTheNextSweepAndTheEndpointGoesOnAfterwards) {
  EnterQuiet();
  runner_.Run(endpoint_->Expire(6));
  Release();
  runner_.Await(std::move(expiry_));
  ASSERT_EQ(Dead().size(), 1u);
  EXPECT_EQ(Dead()[0].through, 5);
  world_.Append("late");
  On([this] { endpoint_->Drive(); });
  EXPECT_TRUE(Eventually([this] { return endpoint_->Status().pending == 2; }));
}

TEST_F(QuietRunnerTest, AnExpiryThatTheStoreRefusesChangesNothing) {
  Begin();
  On([this] { sink_->EndAll(Receiver::Fail(410)); });
  ASSERT_TRUE(world_.Eventually([this] { return Parked().size() == 3; }));
  Refuse("cursors");
  runner_.Run(endpoint_->Expire(5));
  Permit("cursors");
  EXPECT_TRUE(Dead().empty());
  EXPECT_EQ(On([this] { return endpoint_->Status().pending; }), 6);
  runner_.Run(endpoint_->Expire(5));
  EXPECT_EQ(Dead().size(), 1u) << "it runs again, so the next sweep does it";
}

TEST_F(RunnerTest, ALostCursorIsToldOnceAndNothingOfItsEventsIsTouched) {
  Enter(Stage::kLost);
  const int delivers = On([this] { return sink_->delivers; });
  Sql("UPDATE cursors SET holder=holder-1");  // whatever the other does
  world_.Append("late");
  On([this] {
    for (int i = 0; i < 3; ++i) {
      endpoint_->Tick();
      endpoint_->Drive();
    }
  });
  EXPECT_EQ(On([this] { return sink_->delivers; }), delivers);
  EXPECT_NE(Reason().find("another process"), std::string::npos);
  Stop();
  EXPECT_EQ(Stored().settled, 0);
  EXPECT_EQ(Stored().settlements, 0);
  EXPECT_EQ(Count(Lines(), "level=error"), 1);
}

// A reload that changes nothing takes a lost cursor up again, where it stands then, and leaves the others alone.
TEST(LostCursorTest, AReloadGoesOnWhereItStands) {
  World world;
  const std::vector<config::Endpoint> entries{world.Entry("hook"), world.Entry("other")};
  ASSERT_TRUE(world.Start(entries));
  world.Append("repo", 3);
  ASSERT_TRUE(world.receiver("hook").Await(3));
  ASSERT_TRUE(world.Eventually([&] { return world.Cursors()[0].settled == 3; }));
  ASSERT_TRUE(world.store().WriteNow([](store::Tx& tx) -> Result<bool> {
    tx.connection().Exec("UPDATE cursors SET settlements=settlements+2 WHERE endpoint='hook'");
    return true;
  }));
  world.Append("repo", 2);
  const auto reason = [&] { return world.StatusOf("hook").reason; };
  ASSERT_TRUE(world.Eventually([&] { return reason().find("another process") != std::string::npos; }));
  const std::size_t sent = world.receiver("hook").accepted().size();
  world.Append("repo", 5);
  ASSERT_TRUE(world.receiver("other").Await(10));
  EXPECT_EQ(world.receiver("hook").accepted().size(), sent) << "it sends nothing any more";
  ASSERT_TRUE(world.Apply(entries));
  ASSERT_TRUE(world.Eventually([&] { return world.StatusOf("hook").pending == 0; }));
  EXPECT_EQ(reason(), "");
  const auto accepted = world.receiver("hook").accepted();
  EXPECT_EQ(std::set(accepted.begin(), accepted.end()).size(), 10u) << "nothing is lost";
  EXPECT_EQ(world.receiver("other").accepted().size(), 10u);
}

}  // namespace
}  // namespace portcall::broker
