#include "broker/endpoint/orphan.h"

#include <gtest/gtest.h>

#include <future>

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
  EXPECT_TRUE(world_.AllOf("gone").empty());
  EXPECT_EQ(world_.Cursors().size(), 1u);
  EXPECT_TRUE(Shows("registry_notifications_pending{endpoint=\"gone\"} 0"));
}

TEST_F(OrphanTest, WhatHasNothingPendingLeavesNothingHoweverOftenItGoes) {
  auto disabled = world_.Entry("hook");
  disabled.disabled = true;
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  for (std::size_t i = 1; i <= 6; ++i) {
    world_.Append("repo");
    ASSERT_TRUE(world_.receiver("hook").Await(i));
    ASSERT_TRUE(world_.Apply({disabled}));
    EXPECT_TRUE(world_.broker().Status().empty());
    ASSERT_TRUE(world_.Apply({world_.Entry("hook")}));
  }
  EXPECT_EQ(world_.Cursors().size(), 1u);
  ASSERT_EQ(world_.broker().Status().size(), 1u);
  EXPECT_FALSE(world_.StatusOf("hook").orphaned);
}

TEST_F(OrphanTest, WhatANameLeftSeveralTimesIsListedOnceBesideTheEndpoint) {
  world_.receiver("hook").Set(
      [](const store::Event& e) { return e.seq == 1 ? Receiver::Fail(400) : Receiver::Fail(503); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("dead");
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  for (int i = 0; i < 3; ++i) {
    world_.Append("repo", 2);
    ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 2; }));
    ASSERT_TRUE(world_.Apply({}));
    ASSERT_EQ(world_.AllOf("hook").size(), 1u);
    EXPECT_EQ(world_.AllOf("hook")[0].dead_letters, 1);
    EXPECT_EQ(world_.AllOf("hook")[0].pending, 2 * i + 2);
    ASSERT_TRUE(world_.Apply({world_.Entry("hook")}));
  }
  const auto all = world_.AllOf("hook");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_FALSE(all[0].orphaned);
  EXPECT_EQ(all[0].dead_letters, 1);
  EXPECT_TRUE(all[1].orphaned);
  EXPECT_EQ(all[1].pending, 6);
  EXPECT_EQ(all[1].dead_letters, 0) << "the endpoint shows them";
}

// An alarm on an endpoint ends when the endpoint is taken out of the file.
TEST_F(OrphanTest, TheLevelsOfARemovedEndpointGoToZero) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  for (int i = 0; i < 20; ++i) world_.Append("repo" + std::to_string(i));
  ASSERT_TRUE(Shows("portcall_notifications_breaker_state{endpoint=\"hook\"} 2"));
  ASSERT_TRUE(world_.Apply({}));
  EXPECT_TRUE(Shows("portcall_notifications_breaker_state{endpoint=\"hook\"} 0"));
  EXPECT_TRUE(Shows("portcall_notifications_window{endpoint=\"hook\"} 0"));
  EXPECT_TRUE(Shows("registry_notifications_pending{endpoint=\"hook\"} 20"));
}

TEST_F(OrphanTest, TheLevelsOfAnOldNameGoToZero) {
  world_.receiver("old").Set(
      [](const store::Event& e) { return e.seq == 1 ? Receiver::Fail(400) : Receiver::Fail(410); });
  ASSERT_TRUE(world_.Start({world_.Entry("old")}));
  world_.Append("repo", 3);
  ASSERT_TRUE(Shows("portcall_notifications_paused{endpoint=\"old\"} 1"));
  ASSERT_TRUE(Shows("registry_notifications_pending{endpoint=\"old\"} 2"));
  auto entry = world_.Entry("new");
  entry.was = "old";
  world_.receiver("new").Hold(true);
  ASSERT_TRUE(world_.Apply({entry}));
  EXPECT_TRUE(Shows("registry_notifications_pending{endpoint=\"new\"} 2"));
  for (const char* name : {"registry_notifications_pending", "portcall_notifications_paused",
                           "portcall_notifications_dead_letters", "portcall_notifications_oldest_pending_seconds",
                           "portcall_notifications_breaker_state", "portcall_notifications_window"}) {
    EXPECT_TRUE(Shows(std::string(name) + "{endpoint=\"old\"} 0"));
  }
}

TEST_F(OrphanTest, OneThatWantsNothingOfALongRangePassesItPageByPage) {
  world_.events.keep = std::chrono::seconds(0);
  auto entry = world_.Entry("gone");
  entry.ignore.actions = {"pull"};
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo", 10);
  ASSERT_TRUE(world_.receiver("gone").Await(10));
  world_.Stop();
  world_.Append("repo", 5'000, store::Action::kPull);
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  EXPECT_TRUE(world_.Eventually([&] { return world_.Rows() == 0; }));
  EXPECT_TRUE(world_.Eventually([&] { return world_.Cursors().size() == 1; }));
  EXPECT_TRUE(world_.AllOf("gone").empty());
  EXPECT_TRUE(world_.Dead("gone").empty());
}

TEST_F(OrphanTest, PagesThatItDoesNotWantGoAndWhatItWantsBehindThemStays) {
  world_.events.keep = std::chrono::seconds(0);
  auto entry = world_.Entry("gone");
  entry.ignore.actions = {"pull"};
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo");
  ASSERT_TRUE(world_.receiver("gone").Await(1));
  world_.Stop();
  world_.Append("repo", 5'000, store::Action::kPull);
  world_.Append("repo", 3);
  world_.Append("repo", 5'000, store::Action::kPull);
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  EXPECT_TRUE(world_.Eventually([&] { return world_.Rows() == 5'003; }));
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("gone").oldest_pending > std::chrono::nanoseconds(0); }));
  EXPECT_EQ(world_.Size().first, 5'002);
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
  EXPECT_TRUE(world_.Eventually([&] { return world_.AllOf("gone").empty(); }));
  EXPECT_TRUE(world_.Eventually([&] { return world_.Rows() == 0 && !world_.broker().LogIsFull(); }));
  EXPECT_TRUE(Shows("portcall_notifications_orphaned_oldest_pending_seconds{endpoint=\"gone\"} 0"));
  EXPECT_EQ(world_.Dead("gone").size(), 1u);
  EXPECT_TRUE(world_.Eventually([&] { return world_.Cursors().size() == 1; }));
}

// A reload that is refused when its endpoints have stopped already, and whose old ones cannot start again.
class StandingStillTest : public OrphanTest {
 protected:
  void Begin() {
    std::promise<void> ready;
    ready.set_value();
    world_.disk = ready.get_future().share();
    entry_ = world_.Entry("hook");
    entry_.url = "disk";
    world_.receiver("hook").Hold(true);
    ASSERT_TRUE(world_.Start({entry_, world_.Entry("other")}));
    world_.Append("repo", 500);
    ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 500; }));
  }
  void Refuse() {
    world_.disk = answers_.get_future().share();
    auto bad = world_.Entry("bad");
    bad.from = "soon";
    ASSERT_FALSE(world_.Apply({world_.Entry("other"), bad}));
  }
  std::promise<void> answers_;
  config::Endpoint entry_;
};

TEST_F(StandingStillTest, ItIsShownWithWhatIsPending) {
  Begin();
  Refuse();
  const EndpointStatus status = world_.StatusOf("hook");
  EXPECT_EQ(status.type, "webhook");
  EXPECT_FALSE(status.orphaned);
  EXPECT_NE(status.reason.find("stands still"), std::string::npos);
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 500; }));
  world_.Append("repo", 2'500);
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 3'000; }));
  EXPECT_GT(world_.StatusOf("hook").oldest_pending, std::chrono::nanoseconds(0));
  EXPECT_TRUE(Shows("registry_notifications_pending{endpoint=\"hook\"} 3000"));
  EXPECT_EQ(world_.Metrics().find("orphaned_pending{endpoint=\"hook\"}"), std::string::npos);
  answers_.set_value();
  world_.receiver("hook").Hold(false);
  ASSERT_TRUE(world_.Apply({entry_, world_.Entry("other")}));
  ASSERT_TRUE(world_.receiver("hook").Await(3'000));
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 0; }));
  EXPECT_EQ(world_.StatusOf("hook").reason, "");
}

TEST_F(StandingStillTest, TheLogKeepsItsBound) {
  world_.Append("repo", 2'000);
  world_.events.max_bytes = static_cast<std::uint64_t>(world_.Size().bytes);
  Begin();
  Refuse();
  world_.Append("repo", 4'000);
  EXPECT_TRUE(world_.Eventually([&] { return !world_.Dead("hook").empty(); }));
  const auto bound = static_cast<std::int64_t>(world_.events.max_bytes);
  EXPECT_TRUE(world_.Eventually([&] { return world_.Size().bytes <= bound; }));
  answers_.set_value();
  world_.receiver("hook").Hold(false);
  ASSERT_TRUE(world_.Apply({entry_, world_.Entry("other")}));
  const auto dead = world_.Dead("hook");
  ASSERT_EQ(dead.size(), 1u);
  ASSERT_TRUE(world_.receiver("hook").Await(static_cast<std::size_t>(4'500 - dead[0].events)));
  EXPECT_EQ(world_.receiver("hook").accepted().front(), dead[0].through + 1);
}

}  // namespace
}  // namespace portcall::broker
