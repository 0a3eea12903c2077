#include "broker/core/expiry.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/broker/broker_world.h"

namespace portcall::broker {
namespace {

store::Event EventOf(store::Seq seq, std::string repository, store::Action action = store::Action::kPush) {
  store::Event event;
  event.seq = seq;
  event.repository = std::move(repository);
  event.action = action;
  return event;
}

store::Cursor CursorAt(store::Seq settled_through, store::Seq counted) {
  store::Cursor cursor;
  cursor.id = 7;
  cursor.endpoint = "hook";
  cursor.settled_through = settled_through;
  cursor.through = counted;
  cursor.matched = counted;
  return cursor;
}

TEST(Expiry, TakesWhatTheCursorHasNotReachedAndItsParkedLanes) {
  config::Endpoint entry;
  entry.ignore.actions = {"pull"};
  Expiry expiry(CursorAt(5, 8), {{"\na", 3, 2, 0, 0, "503"}}, Filter(entry), 9);
  EXPECT_EQ(expiry.first(), 3);
  EXPECT_FALSE(expiry.Take(EventOf(2, "a")));
  EXPECT_TRUE(expiry.Take(EventOf(3, "a")));
  EXPECT_FALSE(expiry.Take(EventOf(4, "b")));  // the cursor has passed it
  EXPECT_TRUE(expiry.Take(EventOf(6, "b")));
  EXPECT_FALSE(expiry.Take(EventOf(7, "b", store::Action::kPull)));
  EXPECT_TRUE(expiry.Take(EventOf(9, "b")));
  EXPECT_FALSE(expiry.Take(EventOf(10, "b")));
  const store::Settlement stored = expiry.Finish(1'000);
  EXPECT_EQ(stored.settled_through, 9);
  EXPECT_EQ(stored.through, 9);
  EXPECT_EQ(stored.matched, 9);  // the ninth had not been counted
  EXPECT_EQ(stored.settled, 3);
  EXPECT_EQ(stored.unpark, std::vector<std::string>{"\na"});
  EXPECT_TRUE(expiry.RowsAfter(stored).empty());
  ASSERT_EQ(stored.dead.size(), 1u);
  EXPECT_EQ(stored.dead[0].event.seq, 3);
  EXPECT_EQ(stored.dead[0].through, 9);
  EXPECT_EQ(stored.dead[0].events, 3);
  EXPECT_EQ(stored.dead[0].reason, "expired");
}

TEST(Expiry, WhatALaneHasDeliveredBeyondTheCursorIsSettledAndDoesNotExpire) {
  Expiry expiry(CursorAt(5, 8), {{"\na", 8, 0, 0, 0, ""}}, Filter(config::Endpoint()), 9);
  EXPECT_TRUE(expiry.Take(EventOf(6, "b")));
  EXPECT_FALSE(expiry.Take(EventOf(7, "a")));
  EXPECT_TRUE(expiry.Take(EventOf(8, "a")));
  const store::Settlement stored = expiry.Finish(1'000);
  EXPECT_EQ(stored.settled, 3) << "nothing of it is pending";
  ASSERT_EQ(stored.dead.size(), 1u);
  EXPECT_EQ(stored.dead[0].events, 2);
}

TEST(Expiry, ALaneGoesOnBehindTheRange) {
  Expiry expiry(CursorAt(100, 100),
                {{"\na", 3, 2, 0, 0, "503"}, {"#4", 4, 1, 0, 0, "503"}, {"\nb", 50, 1, 9, 8, "500"}},
                Filter(config::Endpoint()), 20);
  EXPECT_TRUE(expiry.Take(EventOf(4, "c")));
  const store::Settlement stored = expiry.Finish(1'000);
  EXPECT_EQ(stored.settled_through, 100);
  ASSERT_EQ(stored.park.size(), 1u);
  EXPECT_EQ(stored.park[0].lane, "\na");
  EXPECT_EQ(stored.park[0].next_seq, 21);
  EXPECT_EQ(stored.park[0].attempts, 0);
  EXPECT_EQ(stored.unpark, std::vector<std::string>{"#4"});
  EXPECT_EQ(expiry.RowsAfter(stored).size(), 2u);
}

TEST(Expiry, OfARemovedEndpointOnlyItsRangeExpires) {
  store::Cursor cursor = CursorAt(5, 8);
  cursor.kind = store::CursorKind::kRemoved;
  Expiry expiry(cursor, {}, Filter(), 50);
  EXPECT_TRUE(expiry.Take(EventOf(8, "a")));
  EXPECT_FALSE(expiry.Take(EventOf(9, "a")));
  EXPECT_EQ(expiry.Finish(0).settled_through, 8);
}

class ExpiryTest : public ::testing::Test {
 protected:
  // Half of what is there now fits.
  void Shrink() {
    world_.events.max_bytes = static_cast<std::uint64_t>(world_.Size().bytes / 2);
    ASSERT_TRUE(world_.Apply(entries_));
  }
  void CheckRange(store::Seq first, store::Seq least, store::Seq most) {
    ASSERT_TRUE(world_.Eventually([&] { return !world_.Dead("hook").empty(); }));
    const auto dead = world_.Dead("hook");
    ASSERT_EQ(dead.size(), 1u);
    EXPECT_EQ(dead[0].reason, "expired");
    EXPECT_EQ(dead[0].event.seq, first);
    EXPECT_GE(dead[0].through, least);
    EXPECT_LE(dead[0].through, most);
    const auto bound = static_cast<std::int64_t>(world_.events.max_bytes);
    EXPECT_TRUE(world_.Eventually([&] { return world_.Size().bytes <= bound; }));
  }
  World world_;
  std::vector<config::Endpoint> entries_;
};

TEST_F(ExpiryTest, TheOldestOfALaggingEndpointExpireAsOneRange) {
  entries_ = {world_.Entry("hook"), world_.Entry("other")};
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  ASSERT_TRUE(world_.Start(entries_));
  for (int i = 0; i < 100; ++i) world_.Append("repo" + std::to_string(i % 30), 40);
  ASSERT_TRUE(world_.receiver("other").Await(4'000));
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").breaker == BreakerState::kOpen; }));
  Shrink();
  CheckRange(1, 2'000, 2'300);
  const auto dead = world_.Dead("hook");
  EXPECT_EQ(dead[0].events, dead[0].through);
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 4'000 - dead[0].events; }));
  EXPECT_EQ(world_.StatusOf("hook").dead_letters, 1);
  const std::string lost = "delivery_total{delivery_type=\"lost\",endpoint=\"hook\"} ";
  EXPECT_NE(world_.Metrics().find(lost + std::to_string(dead[0].events)), std::string::npos);
  EXPECT_NE(world_.Metrics().find("delivery_type=\"lost\",endpoint=\"other\"} 0"), std::string::npos);
  world_.receiver("hook").Set(nullptr);
  ASSERT_TRUE(world_.receiver("hook").Await(static_cast<std::size_t>(4'000 - dead[0].events)));
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 0; }));
  auto accepted = world_.receiver("hook").accepted();
  EXPECT_EQ(*std::ranges::min_element(accepted), dead[0].through + 1);
  EXPECT_EQ(accepted.size(), static_cast<std::size_t>(4'000 - dead[0].events));
}

TEST_F(ExpiryTest, AFurtherRangeIsAddedToTheOneItFollows) {
  entries_ = {world_.Entry("hook")};
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(410); });
  ASSERT_TRUE(world_.Start(entries_));
  world_.Append("repo", 2'000);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").paused; }));
  Shrink();
  CheckRange(1, 1'000, 1'200);
  world_.Append("repo", 1'000);
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook")[0].through >= 2'000; }));
  EXPECT_EQ(world_.Dead("hook").size(), 1u);
  EXPECT_EQ(world_.Dead("hook")[0].events, world_.Dead("hook")[0].through);
}

TEST_F(ExpiryTest, WhatAnOrphanKeepsExpiresToo) {
  entries_ = {world_.Entry("hook")};
  world_.receiver("hook").Hold(true);
  ASSERT_TRUE(world_.Start(entries_));
  world_.Append("repo", 2'000);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 2'000; }));
  entries_.clear();
  Shrink();
  CheckRange(1, 1'000, 1'200);
  const auto dead = world_.Dead("hook");
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 2'000 - dead[0].events; }));
}

TEST_F(ExpiryTest, NothingExpiresWhereAFullLogRefuses) {
  entries_ = {world_.Entry("hook")};
  world_.events.on_full = config::OnFull::kRefuse;
  world_.receiver("hook").Hold(true);
  ASSERT_TRUE(world_.Start(entries_));
  world_.Append("repo", 2'000);
  Shrink();
  EXPECT_TRUE(world_.Eventually([&] { return world_.broker().LogIsFull(); }));
  EXPECT_TRUE(world_.Dead("hook").empty());
  world_.receiver("hook").Hold(false);
  EXPECT_TRUE(world_.receiver("hook").Await(2'000));
  EXPECT_TRUE(world_.Eventually([&] { return !world_.broker().LogIsFull(); }));
}

}  // namespace
}  // namespace portcall::broker
