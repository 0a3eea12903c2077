#include "broker/endpoint/lifecycle.h"

#include <gtest/gtest.h>

#include <utility>

#include "store/endpoints.h"
#include "store/filters.h"
#include "tests/broker/broker_world.h"

namespace portcall::broker {
namespace {

config::Config File(std::vector<config::Endpoint> endpoints) {
  config::Config config;
  config.endpoints = std::move(endpoints);
  return config;
}

TEST(Lifecycle, ANewEndpointStartsWhereItsEntrySays) {
  World world;
  world.Append("repo", 5);
  auto latest = world.Entry("latest"), earliest = world.Entry("earliest"), dated = world.Entry("dated");
  earliest.from = "earliest";
  dated.from = "2250-01-01T00:00:00Z";
  auto opened = OpenEndpoints(world.store(), File({latest, earliest, dated}));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->open[0].cursor.settled_through, 5);
  EXPECT_EQ(opened->open[1].cursor.settled_through, 0);
  EXPECT_EQ(opened->open[2].cursor.settled_through, 5);
}

TEST(Lifecycle, ABadTimeOpensNothing) {
  World world;
  auto entry = world.Entry("hook");
  entry.from = "soon";
  const auto opened = OpenEndpoints(world.store(), File({entry}));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kInvalid);
  EXPECT_TRUE(world.Cursors().empty());
}

TEST(Lifecycle, WasTakesTheBacklogOver) {
  World world;
  auto entry = world.Entry("old");
  const auto before = OpenEndpoints(world.store(), File({entry}));
  ASSERT_TRUE(before);
  world.Append("repo", 3);
  entry.name = "new";
  entry.was = "old";
  const auto after = OpenEndpoints(world.store(), File({entry}));
  ASSERT_TRUE(after);
  EXPECT_EQ(after->open[0].cursor.id, before->open[0].cursor.id);
  EXPECT_EQ(after->open[0].cursor.settled_through, 0);
  EXPECT_TRUE(after->orphans.empty());
  ASSERT_EQ(world.Cursors().size(), 1u);
  EXPECT_EQ(world.Cursors()[0].endpoint, "new");
}

TEST(Lifecycle, AnOperatorsPauseGoesAlongWithTheBacklogAndLeavesNoneBehind) {
  World world;
  auto entry = world.Entry("old");
  ASSERT_TRUE(OpenEndpoints(world.store(), File({entry})));
  const auto pause = [&](bool by_operator) {
    ASSERT_TRUE(world.store().WriteNow([&](store::Tx& tx) -> Result<bool> {
      store::PutEndpoint(tx, {entry.name, true, "moved (by root)", entry.fingerprint, by_operator, 17});
      return true;
    }));
  };
  pause(true);
  const auto before = entry;
  entry.was = std::exchange(entry.name, "new");
  for (int i = 0; i < 2; ++i) {
    const auto renamed = OpenEndpoints(world.store(), File({entry}));
    ASSERT_TRUE(renamed);
    EXPECT_EQ(renamed->open[0].paused, "moved (by root)") << "restarts: " << i;
    EXPECT_TRUE(renamed->open[0].paused_by_operator);
    EXPECT_EQ(renamed->open[0].paused_since, 17);
  }
  const auto returned = OpenEndpoints(world.store(), File({entry, before}));
  ASSERT_TRUE(returned);
  EXPECT_EQ(returned->open[1].paused, "") << "a name that was taken over begins anew";
  pause(false);
  entry.was = std::exchange(entry.name, "newest");
  const auto again = OpenEndpoints(world.store(), File({entry, before}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->open[0].paused, "") << "a 410's ends with the entry";
}

// What was settled was judged with the filter of then, what waits is with the one of now.
TEST(Lifecycle, EachFilterIsKeptWithTheEventsThatItJudged) {
  World world;
  auto entry = world.Entry("hook");
  const auto before = OpenEndpoints(world.store(), File({entry}));
  ASSERT_TRUE(before);
  world.Append("repo", 5);
  const std::int64_t cursor = before->open[0].cursor.id;
  store::Settlement settlement;
  settlement.cursor = cursor;
  settlement.number = 1;
  settlement.settled_through = 3;
  ASSERT_TRUE(world.store().WriteNow([&](store::Tx& tx) { return store::Settle(tx, settlement); }));
  entry.ignore.tags = {"v*"};
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(OpenEndpoints(world.store(), File({entry})));
  const auto kept = world.store().ReadNow(
      [&](store::Snapshot& s) -> Result<std::vector<store::FilterChange>> { return store::LoadFilters(s, cursor); });
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 2u);
  EXPECT_EQ((*kept)[0].after, 0);
  EXPECT_EQ((*kept)[1].after, 3);
  store::Event event;
  event.tag = "v1";
  EXPECT_EQ(Filter((*kept)[0].fingerprint).WhyNot(event), "");
  EXPECT_EQ(Filter((*kept)[1].fingerprint).WhyNot(event), "ignore.tags");
}

TEST(Lifecycle, DisablingMakesAnOrphanThatEndsAtTheHead) {
  World world;
  auto entry = world.Entry("hook");
  ASSERT_TRUE(OpenEndpoints(world.store(), File({entry})));
  world.Append("repo", 3);
  entry.disabled = true;
  const auto opened = OpenEndpoints(world.store(), File({entry}));
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->open.empty());
  ASSERT_EQ(opened->orphans.size(), 1u);
  EXPECT_EQ(world.Cursors()[0].kind, store::CursorKind::kRemoved);
  EXPECT_EQ(world.Cursors()[0].through, 3);
}

TEST(Lifecycle, AnEndpointThatReturnsFindsItsReceipt) {
  World world;
  auto entry = world.Entry("hook");
  const auto opened = OpenEndpoints(world.store(), File({entry}));
  ASSERT_TRUE(opened);
  store::Settlement settlement;
  settlement.cursor = opened->open[0].cursor.id;
  settlement.receipt = "17 records";
  settlement.number = 1;
  ASSERT_TRUE(world.store().WriteNow([&](store::Tx& tx) { return store::Settle(tx, settlement); }));
  ASSERT_TRUE(OpenEndpoints(world.store(), File({})));
  const auto returned = OpenEndpoints(world.store(), File({entry}));
  ASSERT_TRUE(returned);
  EXPECT_EQ(returned->open[0].cursor.receipt, "17 records");
  entry.was = std::exchange(entry.name, "renamed");
  const auto renamed = OpenEndpoints(world.store(), File({entry}));
  ASSERT_TRUE(renamed);
  EXPECT_EQ(renamed->open[0].cursor.receipt, "17 records");
  entry.was.clear();
  entry.name = "another";
  const auto other = OpenEndpoints(world.store(), File({entry}));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->open[0].cursor.receipt, "");
}

TEST(Lifecycle, ACursorBeyondTheLogIsRefused) {
  World world;
  const auto put = world.store().WriteNow([](store::Tx& tx) -> Result<bool> {
    store::Cursor cursor;
    cursor.endpoint = "hook";
    cursor.settled_through = 99;
    store::PutCursor(tx, cursor);
    return true;
  });
  ASSERT_TRUE(put);
  const auto opened = OpenEndpoints(world.store(), File({world.Entry("hook")}));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace portcall::broker
