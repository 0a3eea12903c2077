#include "broker/retention.h"

#include <gtest/gtest.h>

#include "tests/broker/broker_world.h"
#include "tests/support/loop_runner.h"

namespace portcall::broker {
namespace {

class RetentionTest : public ::testing::Test {
 protected:
  store::LogSize Size() {
    return *world_.store().ReadNow([](store::Snapshot& s) -> Result<store::LogSize> { return store::SizeOf(s); });
  }
  void Sweep(config::EventsConfig events, store::Seq unneeded) {
    Retention retention(world_.store(), log_, runtime::SystemClock(), [unneeded] { return unneeded; });
    config::Config config;
    config.events = events;
    retention.Configure(config);
    runner_.Run(retention.Sweep(never_));
    full_ = retention.full();
  }
  World world_;
  runtime::Log log_{{runtime::Level::kFatal, "text", {}}};
  bool never_ = false, full_ = false;
  testing::LoopRunner runner_;
};

TEST_F(RetentionTest, KeepsWhatIsYoungAndWhatIsNeeded) {
  world_.Append("repo", 1'200);
  config::EventsConfig events;
  events.max_bytes = 1ull << 40;
  Sweep(events, 1'200);
  EXPECT_EQ(Size().events, 1'200);
  events.keep = std::chrono::seconds(-1);
  Sweep(events, 1'100);
  EXPECT_EQ(Size().events, 100);
}

TEST_F(RetentionTest, AFullLogRefusesOnlyWhereItShould) {
  world_.Append("repo", 2'000);
  config::EventsConfig events;
  events.max_bytes = 1'000;
  Sweep(events, 0);
  EXPECT_FALSE(full_);
  EXPECT_EQ(Size().events, 2'000);
  events.on_full = config::OnFull::kRefuse;
  Sweep(events, 0);
  EXPECT_TRUE(full_);
  Sweep(events, 2'000);  // nobody needs it any more: history goes, whatever its age
  EXPECT_FALSE(full_);
}

}  // namespace
}  // namespace portcall::broker
