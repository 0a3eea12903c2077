#include <gmock/gmock.h>

#include "store/lane.h"
#include "tests/broker/trace_fixture.h"

// What filters have to do with what became of an event.
namespace portcall::broker {
namespace {

using ::testing::HasSubstr;

TEST_F(TraceTest, WhatIsFilteredOutNamesTheRuleOfThen) {
  entry_.ignore.repositories = {"re*"};
  Open();
  world_.Append("repo", 2);
  world_.Append("other", 2);
  EXPECT_EQ(One(1).fate, Fate::kFiltered);
  EXPECT_EQ(One(1).detail, "ignore.repositories");
  EXPECT_EQ(One(3).fate, Fate::kPending);
  store::Settlement s = Next(3);
  s.attempts = {Row(3, 1, 200)};
  Settle(s);
  entry_.ignore = {};
  entry_.only.repositories = {"re*"};
  Open();
  EXPECT_THAT(One(1).detail, HasSubstr("ignore.repositories, as the filter was then"));
  EXPECT_EQ(One(3).fate, Fate::kDelivered) << "what was sent was sent, whatever the filter is now";
  EXPECT_EQ(One(4).detail, "only.repositories") << "what waits is judged by the filter of now";
  Settle(Next(4));
  EXPECT_EQ(One(4).detail, "only.repositories");
}

TEST_F(TraceTest, WhatWaitedWhenTheFilterChangedIsToldByTheLaterOne) {
  Open();
  world_.Append("repo", 2);
  store::Settlement s = Next(2);
  store::ParkedLane lane;
  lane.lane = store::LaneOfRepository("", "repo");
  lane.next_seq = 1;
  lane.attempts = 1;
  s.park = {lane};
  Settle(s);
  EXPECT_EQ(One(2).fate, Fate::kPending);
  entry_.ignore.repositories = {"repo"};
  Open();
  EXPECT_EQ(One(2).fate, Fate::kFiltered) << "it will not be sent";
  s = Next(2);
  s.unpark = {lane.lane};
  Settle(s);
  EXPECT_EQ(One(2).fate, Fate::kUnknown) << "whether it still waited then is not recorded";
  EXPECT_THAT(One(2).detail, HasSubstr("or it waited, and a later filter kept it out (ignore.repositories)"));
}

// An upgrade does not know how earlier events were judged.
TEST_F(TraceTest, AFilterThatIsNotKnownJudgesNothing) {
  Open();
  world_.Append("repo", 2);
  Settle(Next(1));
  entry_.ignore.repositories = {"repo"};
  Open();
  Write([&](store::Tx& tx) {
    store::Cursor cursor = store::LoadCursors(store::ReadIn(tx)).at(0);
    store::DropCursor(tx, cursor.id);
    cursor.id = 0;
    cursor.from = 0;
    store::PutCursor(tx, cursor);
  });
  Open();
  EXPECT_EQ(One(1).fate, Fate::kUnknown) << "it may have been delivered";
  EXPECT_THAT(One(1).detail, HasSubstr("a later filter kept it out (ignore.repositories)"));
}

// A failed attempt does not make it go.
TEST_F(TraceTest, WhatWasTriedAndWaitsIsFilteredOutByTheFilterOfNow) {
  Open();
  world_.Append("repo");
  store::Settlement s = Next(1);
  store::ParkedLane lane;
  lane.lane = store::LaneOfRepository("", "repo");
  lane.next_seq = 1;
  lane.attempts = 1;
  s.park = {lane};
  s.attempts = {Row(1, 1, 503, "busy")};
  Settle(s);
  EXPECT_EQ(One(1).fate, Fate::kParked);
  entry_.ignore.repositories = {"repo"};
  Open();
  EXPECT_EQ(One(1).fate, Fate::kFiltered) << "it will not be sent";
}

// Its dead letter is deleted, and its filter changed since.
TEST_F(TraceTest, WhatWasTriedIsNotToldAsFilteredOut) {
  Open();
  world_.Append("repo");
  store::Settlement s = Next(1);
  s.attempts = {Row(1, 1, 503, "busy")};
  Settle(s);
  entry_.ignore.repositories = {"repo"};
  Open();
  EXPECT_EQ(One(1).fate, Fate::kGivenUp);
}

}  // namespace
}  // namespace portcall::broker
