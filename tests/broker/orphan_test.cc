#include "broker/orphan.h"

#include <gtest/gtest.h>

#include "tests/broker/broker_world.h"

namespace portcall::broker {
namespace {

class OrphanTest : public ::testing::Test {
 protected:
  bool Shows(const std::string& line) {
    return world_.Eventually([&] { return world_.Metrics().find(line + "\n") != std::string::npos; });
  }
  World world_;
};

TEST_F(OrphanTest, AlarmsSeeWhatARemovedEndpointLeft) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 7);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 7; }));
  auto disabled = world_.Entry("hook");
  disabled.disabled = true;
  ASSERT_TRUE(world_.Apply({disabled}));
  world_.clock().Advance(std::chrono::hours(2));
  EXPECT_TRUE(Shows("portcall_notifications_orphaned_pending{endpoint=\"hook\"} 7"));
  EXPECT_TRUE(Shows("registry_notifications_pending{endpoint=\"hook\"} 7"));
  const std::string oldest = "portcall_notifications_orphaned_oldest_pending_seconds{endpoint=\"hook\"} 72";
  EXPECT_TRUE(world_.Eventually([&] { return world_.Metrics().find(oldest) != std::string::npos; }));
  EXPECT_GE(world_.StatusOf("hook").oldest_pending, std::chrono::hours(2));

  // Come back, the endpoint has its own numbers again; the orphan keeps its own series.
  world_.receiver("hook").Set(nullptr);
  ASSERT_TRUE(world_.Apply({world_.Entry("hook")}));
  EXPECT_TRUE(Shows("registry_notifications_pending{endpoint=\"hook\"} 0"));
  EXPECT_TRUE(Shows("portcall_notifications_orphaned_pending{endpoint=\"hook\"} 7"));
}

TEST_F(OrphanTest, AnOrphanSurvivesARestart) {
  world_.receiver("hook").Hold(true);
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 7);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 7; }));
  ASSERT_TRUE(world_.Apply({}));
  world_.Stop();
  ASSERT_TRUE(world_.Start({}));
  EXPECT_TRUE(world_.StatusOf("hook").orphaned);
  EXPECT_EQ(world_.StatusOf("hook").pending, 7);
}

}  // namespace
}  // namespace portcall::broker
