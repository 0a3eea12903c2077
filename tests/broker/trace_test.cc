#include "broker/trace.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "runtime/bytes.h"
#include "store/lane.h"
#include "tests/broker/trace_fixture.h"

namespace portcall::broker {
namespace {

using ::testing::HasSubstr;

TEST_F(TraceTest, WhatIsDeliveredSupersededOrDeadSaysHow) {
  Open();
  world_.Append("repo", 4);
  store::Settlement s = Next(4);
  s.attempts = {Row(1, 1, 503, "busy"), Row(1, 2, 201), Row(2, 0, 0, "superseded by id-9"), Row(3, 3, 400, "rejected")};
  s.attempts[2].delivered = false;
  s.dead = {Dead(3)};
  Settle(s);
  const Verdict delivered = One(1);
  EXPECT_EQ(delivered.fate, Fate::kDelivered);
  EXPECT_EQ(delivered.attempts, 2);
  EXPECT_EQ(delivered.status, 201);
  EXPECT_EQ(delivered.at, 1'002);
  EXPECT_EQ(delivered.latency_us, 5'000);
  ASSERT_EQ(delivered.tries.size(), 2u);
  EXPECT_EQ(delivered.tries[0].error, "busy");
  EXPECT_EQ(One(2).fate, Fate::kSuperseded);
  EXPECT_EQ(One(2).by, "id-9");
  const Verdict dead = One(3);
  EXPECT_EQ(dead.fate, Fate::kDead);
  EXPECT_EQ(dead.dead_letter, 1);
  EXPECT_EQ(dead.answer, "400 no");
  EXPECT_EQ(dead.at, 77);
  EXPECT_EQ(dead.status, 400);
  EXPECT_THAT(dead.detail, HasSubstr("rejected"));
  EXPECT_EQ(One(4).fate, Fate::kUnknown) << "it is settled, and no row is of it";
  Write([](store::Tx& tx) { store::DropDead(tx, 1); });
  EXPECT_EQ(One(3).fate, Fate::kGivenUp);
  EXPECT_THAT(One(3).detail, HasSubstr("attempt 3 failed: rejected"));
}

TEST_F(TraceTest, WhatWaitsSaysBehindWhat) {
  Open();
  world_.Append("other");
  world_.Append("repo", 3);
  world_.Append("free", 2);
  store::Settlement s = Next(4);
  s.attempts = {Row(1, 1, 200), Row(2, 4, 503, "answered 503")};
  store::ParkedLane lane;
  lane.lane = store::LaneOfRepository("", "repo");
  lane.next_seq = 1;  // a place, and no event of the lane
  lane.attempts = 4;
  lane.due = 9'000;
  lane.reason = "answered 503";
  s.park = {lane};
  Settle(s);
  const Verdict parked = One(2);
  EXPECT_EQ(parked.fate, Fate::kParked);
  EXPECT_EQ(parked.until, 9'000);
  EXPECT_EQ(parked.attempts, 4);
  EXPECT_EQ(parked.status, 503);
  EXPECT_THAT(parked.detail, HasSubstr("attempt 4 failed: answered 503"));
  const Verdict behind = One(4);
  EXPECT_EQ(behind.fate, Fate::kPending);
  EXPECT_EQ(behind.behind, 2);
  EXPECT_THAT(behind.detail, HasSubstr("answered 503"));
  EXPECT_EQ(One(1).fate, Fate::kDelivered);
  const Verdict free = One(6);
  EXPECT_EQ(free.fate, Fate::kPending);
  EXPECT_EQ(free.behind, 0);
  EXPECT_THAT(free.detail, HasSubstr("up to event 4"));
  s = Next(4);
  lane.next_seq = 6;
  lane.lane = store::LaneOfRepository("", "free");
  s.park = {lane};
  Settle(s);
  EXPECT_EQ(One(5).fate, Fate::kUnknown) << "its lane has settled it, though the cursor stands before it";
  entry_.disabled = true;
  Open();
  EXPECT_TRUE(One(4).removed);
  EXPECT_THAT(One(4).detail, HasSubstr("removed or disabled"));
}

TEST_F(TraceTest, AStrictEndpointsEventsWaitBehindItsRow) {
  Open();
  world_.Append("other");
  world_.Append("repo", 2);
  store::Settlement s = Next(1);
  store::ParkedLane lane;
  lane.lane = store::LaneOfAll();
  lane.next_seq = 2;
  lane.attempts = 1;
  lane.reason = "no";
  s.park = {lane};
  Settle(s);
  EXPECT_EQ(One(2).fate, Fate::kParked);
  EXPECT_EQ(One(3).behind, 2);
  EXPECT_EQ(One(1).fate, Fate::kUnknown);
}

TEST_F(TraceTest, ALookThatTakesTooLongSaysOfWhomNothingIsKnown) {
  Open({entry_, world_.Entry("other")});
  world_.Append("repo");
  int asked = 0;
  const auto trace = world_.store().ReadNow(
      [&](store::Snapshot& snap) { return TraceEvent(snap, 1, [&asked] { return asked++ == 0; }); });
  ASSERT_TRUE(trace);
  ASSERT_EQ(trace->verdicts.size(), 2u);
  EXPECT_EQ(trace->verdicts[0].fate, Fate::kPending);
  EXPECT_EQ(trace->verdicts[1].fate, Fate::kUnknown);
  EXPECT_THAT(trace->verdicts[1].detail, HasSubstr("takes too long"));
}

TEST_F(TraceTest, AnEndpointThatBeganLaterSaysSo) {
  world_.Append("repo", 2);
  Open();
  EXPECT_EQ(One(2).fate, Fate::kNotAsked);
  EXPECT_THAT(One(2).detail, HasSubstr("with event 3"));
}

TEST_F(TraceTest, ARenamedEndpointHasItsPastAndARemovedOneKeepsItsOwn) {
  Open();
  world_.Append("repo", 3);
  store::Settlement s = Next(2);
  s.attempts = {Row(1, 1, 200), Row(2, 9, 503, "no")};
  Settle(s);
  entry_.was = std::exchange(entry_.name, "renamed");
  Open();
  EXPECT_EQ(One(1).endpoint, "renamed");
  EXPECT_EQ(One(1).fate, Fate::kDelivered);
  s = Next(3);
  s.attempts = {Row(3, 1, 200)};
  Settle(s);
  Open(std::vector<config::Endpoint>{});
  ASSERT_TRUE(world_.Cursors().empty()) << "nothing is left of it";
  for (const store::Seq seq : {1, 3}) {
    const Verdict verdict = One(seq);
    EXPECT_EQ(verdict.endpoint, "renamed");
    EXPECT_TRUE(verdict.removed);
    EXPECT_EQ(verdict.fate, Fate::kDelivered);
  }
  EXPECT_EQ(One(2).fate, Fate::kGivenUp);
  world_.Append("repo");
  EXPECT_TRUE(Of(4).verdicts.empty()) << "it was gone by then";
}

TEST_F(TraceTest, HistoryThatIsTrimmedSaysSinceWhenThereIsAny) {
  Open();
  world_.Append("repo", 2);
  store::Settlement s = Next(2);
  s.attempts = {Row(1, 1, 200), Row(2, 1, 200)};
  s.attempts[1].at = 4'000'000'000'000'000'000;
  Settle(s);
  EXPECT_EQ(Of(1).history, 1'001);
  Write([](store::Tx& tx) { store::TrimAttempts(tx, 0, 1, 1'000'000, 10); });
  EXPECT_EQ(One(2).fate, Fate::kDelivered);
  EXPECT_EQ(One(1).fate, Fate::kUnknown);
  EXPECT_THAT(One(1).detail, HasSubstr("the oldest attempt that is known is of 2096-"));
  Write([](store::Tx& tx) { store::TrimAttempts(tx, 0, 0, 0, 10); });
  EXPECT_THAT(One(2).detail, HasSubstr("no attempts are recorded"));
}

TEST_F(TraceTest, WhatIsNoLongerInTheLogIsToldByItsDeadLetterOrItsRange) {
  Open();
  world_.Append("repo", 5);
  store::Settlement s = Next(5);
  store::DeadLetter range = Dead(2);
  range.through = 4;
  range.events = 3;
  range.reason = "expired";
  s.dead = {Dead(1), range};
  Settle(s);
  EXPECT_EQ(One(3).fate, Fate::kExpired);
  EXPECT_TRUE(Of(3).in_log);
  Write([](store::Tx& tx) { store::DeleteUnneeded(tx, {}, {4}); });
  const Trace dead = Of(1);
  EXPECT_FALSE(dead.in_log);
  ASSERT_TRUE(dead.event);
  EXPECT_EQ(dead.event->id, "id-1");
  ASSERT_EQ(dead.verdicts.size(), 1u);
  EXPECT_EQ(dead.verdicts[0].fate, Fate::kDead);
  const Trace expired = Of(3);
  EXPECT_FALSE(expired.event);
  ASSERT_EQ(expired.verdicts.size(), 1u);
  EXPECT_EQ(expired.verdicts[0].fate, Fate::kExpired);
  EXPECT_THAT(expired.verdicts[0].detail, HasSubstr("events 2 to 4 expired, dead letter 2"));
  const auto seq_of = [&](const std::string& what) {
    return *world_.store().ReadNow([&](store::Snapshot& sn) -> Result<store::Seq> { return SeqOf(sn, what); });
  };
  EXPECT_EQ(seq_of("id-1"), 1);
  EXPECT_EQ(seq_of(Of(5).event->id), 5);
  EXPECT_EQ(seq_of("5"), 5);
  EXPECT_EQ(seq_of("-5"), 0);
  EXPECT_EQ(seq_of(runtime::UuidV7()), 0);
  for (const store::Seq seq : {-1, 0, 6}) {
    EXPECT_FALSE(world_.store().ReadNow([&](store::Snapshot& sn) { return TraceEvent(sn, seq); })) << seq;
  }
}

TEST_F(TraceTest, ADeadLetterThatWasSentAgainNamesWhereItStandsNow) {
  Open({entry_, world_.Entry("other")});
  world_.Append("repo");
  store::Settlement s = Next(1);
  const std::string endpoint = world_.Cursors().back().endpoint;
  s.dead = {Dead(1)};
  s.dead[0].endpoint = endpoint;
  Settle(s);
  Write([&](store::Tx& tx) { store::RetryDead(tx, *store::FindDead(store::ReadIn(tx), 1), s.cursor); });
  const auto fate = [&](store::Seq seq, bool of_it) {
    const Trace trace = Of(seq);
    const auto one =
        std::ranges::find_if(trace.verdicts, [&](const Verdict& v) { return (v.endpoint == endpoint) == of_it; });
    return one == trace.verdicts.end() ? Verdict() : *one;
  };
  EXPECT_EQ(fate(1, true).fate, Fate::kSentAgain);
  EXPECT_EQ(fate(1, true).detail, "sent again as 2");
  EXPECT_EQ(fate(1, false).fate, Fate::kPending);
  EXPECT_EQ(fate(2, true).fate, Fate::kPending);
  EXPECT_EQ(fate(2, false).fate, Fate::kFiltered);
  EXPECT_THAT(fate(2, false).detail, HasSubstr("another endpoint"));
}

// What was not wanted has not expired.
TEST_F(TraceTest, WhatWasFilteredOutHasNotExpired) {
  entry_.ignore.repositories = {"repo"};
  Open();
  world_.Append("repo", 2);
  world_.Append("other");
  store::Settlement s = Next(3);
  store::DeadLetter range = Dead(1);
  range.through = 3;
  s.dead = {range};
  Settle(s);
  EXPECT_EQ(One(2).fate, Fate::kFiltered);
  EXPECT_EQ(One(3).fate, Fate::kExpired);
}

// The broker itself writes what the trace reads.
TEST_F(TraceTest, EachEventOfARunningBrokerIsFound) {
  auto deaf = world_.Entry("deaf"), picky = world_.Entry("picky");
  deaf.max_retries = 1;
  picky.ignore.repositories = {"repo"};
  world_.receiver("deaf").Set([](const store::Event&) { return Receiver::Fail(500); });
  ASSERT_TRUE(world_.Start({entry_, deaf, picky}));
  world_.Append("repo", 40);
  ASSERT_TRUE(world_.receiver("hook").Await(40));
  EXPECT_TRUE(world_.Eventually([&] {
    const Trace trace = Of(17);
    return trace.verdicts.size() == 3 && trace.verdicts[0].fate == Fate::kDelivered;
  }));
  EXPECT_TRUE(world_.Eventually([&] { return Of(1).verdicts[1].fate == Fate::kDead; }));
  EXPECT_THAT(Of(1).verdicts[1].detail, HasSubstr("maxretries"));
  EXPECT_EQ(Of(1).verdicts[1].attempts, 2);
  EXPECT_EQ(Of(40).verdicts[2].fate, Fate::kFiltered);
}

}  // namespace
}  // namespace portcall::broker
