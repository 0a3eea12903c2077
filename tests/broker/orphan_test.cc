#include "broker/endpoint/orphan.h"

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

TEST_F(OrphanTest, OneThatIsFinishedKeepsNothing) {
  world_.events.keep = std::chrono::seconds(0);
  ASSERT_TRUE(world_.Start({world_.Entry("hook"), world_.Entry("gone")}));
  world_.Append("repo", 10);
  ASSERT_TRUE(world_.receiver("gone").Await(10));
  auto disabled = world_.Entry("gone");
  disabled.disabled = true;
  ASSERT_TRUE(world_.Apply({world_.Entry("hook"), disabled}));
  world_.Append("repo", 2'000);
  EXPECT_TRUE(world_.Eventually([&] { return world_.Rows() == 0; }));
  EXPECT_EQ(world_.StatusOf("gone").pending, 0);
  EXPECT_TRUE(Shows("portcall_notifications_orphaned_pending{endpoint=\"gone\"} 0"));
}

TEST_F(OrphanTest, OneThatWantedNothingOfWhatCameLastIsFinished) {
  world_.events.keep = std::chrono::seconds(0);
  auto entry = world_.Entry("gone");
  entry.ignore.actions = {"pull"};
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo", 10);
  ASSERT_TRUE(world_.receiver("gone").Await(10));
  world_.Stop();
  world_.Append("repo", 20, store::Action::kPull);
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  EXPECT_TRUE(world_.Eventually([&] { return world_.Rows() == 0; }));
  EXPECT_TRUE(world_.Dead("gone").empty());
}

TEST_F(OrphanTest, OneThatIsNotKeepsItsOwnRange) {
  world_.events.keep = std::chrono::seconds(0);
  world_.receiver("gone").Set([](const store::Event& e) { return e.seq > 5 ? Receiver::Fail() : Receiver::Accept(); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook"), world_.Entry("gone")}));
  world_.Append("repo", 12);
  ASSERT_TRUE(world_.receiver("gone").Await(5));
  ASSERT_TRUE(world_.receiver("hook").Await(12));
  ASSERT_TRUE(world_.Apply({world_.Entry("hook")}));
  world_.Append("repo", 2'000);
  EXPECT_TRUE(world_.Eventually([&] { return world_.Rows() == 7; }));
  EXPECT_EQ(world_.StatusOf("gone").pending, 7);
}

TEST_F(OrphanTest, ItExpiresBeforePushesAreRefused) {
  world_.events.keep = std::chrono::seconds(0);
  world_.events.on_full = config::OnFull::kRefuse;
  world_.receiver("gone").Hold(true);
  ASSERT_TRUE(world_.Start({world_.Entry("hook"), world_.Entry("gone")}));
  world_.Append("repo", 2'000);
  ASSERT_TRUE(world_.receiver("hook").Await(2'000));
  world_.events.max_bytes = static_cast<std::uint64_t>(world_.Size().bytes / 2);
  ASSERT_TRUE(world_.Apply({world_.Entry("hook")}));
  ASSERT_TRUE(world_.Eventually([&] { return !world_.Dead("gone").empty(); }));
  const auto dead = world_.Dead("gone");
  EXPECT_EQ(dead.front().reason, "expired");
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("gone").pending == 2'000 - dead.front().events; }));
  EXPECT_TRUE(world_.Eventually([&] { return !world_.broker().LogIsFull(); }));
  // Until nothing is left of it.
  world_.events.max_bytes = 100;
  ASSERT_TRUE(world_.Apply({world_.Entry("hook")}));
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("gone").pending == 0; }));
  EXPECT_TRUE(world_.Eventually([&] { return world_.Rows() == 0 && !world_.broker().LogIsFull(); }));
  EXPECT_TRUE(Shows("portcall_notifications_orphaned_oldest_pending_seconds{endpoint=\"gone\"} 0"));
  EXPECT_EQ(world_.Dead("gone").size(), 1u);
}

}  // namespace
}  // namespace portcall::broker
