#include "store/cursors.h"

#include <gmock/gmock.h>

#include "store/endpoints.h"
#include "store/filters.h"
#include "tests/store/contract/cursors_fixture.h"

namespace portcall::store {
namespace {

TEST_P(CursorsTest, ASettlementSurvivesARestart) {
  Settlement s = Of(id_);
  s.settled_through = 5;
  s.through = 8;
  s.matched = 6;
  s.settled = 4;
  s.park = {{"library/app", 4, 2, 1000, 900, "503", 70}, {"library/other", 3, 1, 500, 400, "in flight"}};
  s.park.front().probes = 1;
  s.park.front().started = true;
  s.park.front().refused = 80;
  s.park.front().streak = 81;
  s.dead = {Letter(50)};
  s.receipt = "17 records";
  s.pace = "slowly";
  AttemptRow attempt;
  attempt.seq = 4;
  attempt.at = 40;
  attempt.events = 2;
  attempt.attempt = 3;
  attempt.status = 400;
  attempt.latency_us = 1234;
  attempt.error = "rejected";
  s.attempts = {attempt};
  Settle(s);
  Reopen();

  const auto cursors = Read([](Snapshot& snap) { return LoadCursors(snap); });
  ASSERT_EQ(cursors.size(), 1u);
  EXPECT_EQ(cursors[0].id, id_);
  EXPECT_EQ(cursors[0].endpoint, "ci");
  EXPECT_EQ(cursors[0].kind, CursorKind::kReplay);
  EXPECT_EQ(cursors[0].from, 2);
  EXPECT_EQ(cursors[0].through, 8);
  EXPECT_EQ(cursors[0].settled_through, 5);
  EXPECT_EQ(cursors[0].matched, 6);
  EXPECT_EQ(cursors[0].settled, 4);
  EXPECT_EQ(cursors[0].selection, "all");
  EXPECT_EQ(cursors[0].fingerprint, "f");
  EXPECT_EQ(cursors[0].receipt, "17 records");
  EXPECT_EQ(cursors[0].pace, "slowly");

  const auto lanes = Read([&](Snapshot& snap) { return LoadParked(snap, id_); });
  ASSERT_EQ(lanes.size(), 2u);
  EXPECT_EQ(lanes[0].lane, "library/other");
  EXPECT_EQ(lanes[0].recorded_at, std::nullopt);
  EXPECT_EQ(lanes[1].next_seq, 4);
  EXPECT_EQ(lanes[1].attempts, 2);
  EXPECT_EQ(lanes[1].due, 1000);
  EXPECT_EQ(lanes[1].age, 900);
  EXPECT_EQ(lanes[1].recorded_at, 70);
  EXPECT_EQ(lanes[1].reason, "503");
  EXPECT_EQ(lanes[1].probes, 1);
  EXPECT_TRUE(lanes[1].started && !lanes[0].started);
  EXPECT_EQ(lanes[1].refused, 80);
  EXPECT_EQ(lanes[1].streak, 81);
  EXPECT_EQ(Read([&](Snapshot& snap) { return FindParked(snap, id_, lanes[1].lane); })->next_seq, 4);
  EXPECT_FALSE(Read([&](Snapshot& snap) { return FindParked(snap, id_, "library/oth"); }));

  const auto dead = Dead();
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].cursor, id_);
  EXPECT_EQ(dead[0].event.id, "id-4");
  EXPECT_EQ(dead[0].event.recorded_at, 77);
  EXPECT_EQ(dead[0].event.details, EventOf("x").details);
  EXPECT_EQ(dead[0].attempts, 3);
  EXPECT_EQ(dead[0].reason, "rejected");
  EXPECT_EQ(dead[0].answer, std::string(10, '4'));

  const auto attempts = Read([&](Snapshot& snap) { return *ListAttempts(snap, id_, 4, 10); });
  ASSERT_EQ(attempts.size(), 1u);
  EXPECT_EQ(attempts[0].events, 2);
  EXPECT_EQ(attempts[0].attempt, 3);
  EXPECT_EQ(attempts[0].status, 400);
  EXPECT_EQ(attempts[0].latency_us, 1234);
  EXPECT_FALSE(attempts[0].delivered);
  EXPECT_EQ(attempts[0].error, "rejected");
}

// Of many events in one row each is found again, across the blocks of the log; what is not among them is not.
TEST_P(CursorsTest, EachEventOfARowForManyIsFound) {
  constexpr Seq kEdge = Seq{1} << kBlockBits;
  constexpr std::int64_t kMillisecond = 1'000'000;
  const auto row = [](std::vector<SettledEvent> each) {
    AttemptRow many;
    many.seq = each.front().seq;
    many.at = each.front().at;
    many.events = static_cast<std::int32_t>(each.size());
    many.delivered = true;
    many.status = 202;
    many.each = std::move(each);
    return many;
  };
  Settlement s = Of(id_);
  s.attempts = {row({{kEdge - 9, 50 * kMillisecond, 7},
                     {kEdge - 7, 20 * kMillisecond, 1'000'000},
                     {kEdge - 1, 50 * kMillisecond, 9}}),
                row({{kEdge, 60 * kMillisecond, 3}, {kEdge + 300, 61 * kMillisecond, 4}})};
  AttemptRow failed;
  failed.seq = kEdge - 7;
  failed.at = 10 * kMillisecond;
  failed.status = 503;
  failed.error = "503";
  s.attempts.push_back(failed);
  Settle(s);
  Reopen();
  const auto of = [&](Seq seq) { return Read([&](Snapshot& snap) { return *ListAttempts(snap, id_, seq, 10); }); };
  const auto both = of(kEdge - 7);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].error, "503");
  EXPECT_TRUE(both[1].delivered);
  EXPECT_EQ(both[1].seq, kEdge - 7);
  EXPECT_EQ(both[1].status, 202);
  EXPECT_EQ(both[1].events, 1);
  EXPECT_EQ(both[1].at, 20 * kMillisecond) << "it may have been delivered before one that came earlier";
  EXPECT_EQ(both[1].latency_us, 1'000'000);
  for (const Seq seq : {kEdge - 9, kEdge - 1, kEdge, kEdge + 300}) EXPECT_EQ(of(seq).size(), 1u) << seq;
  for (const Seq seq : {kEdge - 10, kEdge - 8, kEdge - 2, kEdge + 1, kEdge + 301}) EXPECT_EQ(of(seq).size(), 0u) << seq;
  EXPECT_EQ(Read([&](Snapshot& snap) { return ListAttempts(snap, id_ + 1, kEdge, 10)->size(); }), 0u);
  EXPECT_EQ(Read([](Snapshot& snap) { return OldestAttempt(snap); }), 50 * kMillisecond);
  EXPECT_GT(Read([](Snapshot& snap) { return BytesOfAttempts(snap); }), 3 * 80 + 3 + 15);
  Write([](Tx& tx) { TrimAttempts(tx, kMillisecond * 1'000, 0, 0, 100); });
  EXPECT_EQ(Read([](Snapshot& snap) { return BytesOfAttempts(snap); }), 0) << "what is deleted is no longer counted";
}

TEST_P(CursorsTest, FiltersAreKeptFromChangeToChangeAndGoWithTheCursor) {
  const auto change = [&](Seq after, const char* filter) {
    Write([&](Tx& tx) { ChangeFilter(tx, id_, after, filter); });
  };
  const auto kept = [&] {
    std::string all;
    for (const auto& [after, filter] : Read([&](Snapshot& snap) { return LoadFilters(snap, id_); })) {
      all += std::to_string(after) + filter + " ";
    }
    return all;
  };
  change(2, "a");
  change(4, "a");
  EXPECT_EQ(kept(), "2a ") << "it is the same filter";
  change(5, "b");
  change(5, "c");
  EXPECT_EQ(kept(), "2a 5c ") << "no event was judged with b";
  change(7, "a");
  EXPECT_EQ(kept(), "2a 5c 7a ");
  Cursor passed = Read([](Snapshot& snap) { return LoadCursors(snap); }).at(0);
  passed.kind = CursorKind::kLive;
  passed.settled_through = 5;
  Write([&](Tx& tx) {
    PutCursor(tx, passed);
    DeleteUnneeded(tx, {}, {1'000});
  });
  change(9, "b");
  EXPECT_EQ(kept(), "5c 7a 9b ") << "events 6 and 7 are in the log";
  Write([&](Tx& tx) { DropCursor(tx, id_); });
  EXPECT_EQ(kept(), "");
}

TEST_P(CursorsTest, WhoseAttemptsTheyWereIsKnownAsLongAsThereAreAny) {
  const auto dropped = [this] { return Read([](Snapshot& snap) { return LoadDropped(snap); }); };
  Settlement s = Of(id_);
  s.attempts.emplace_back();
  Settle(s);
  Cursor silent;
  silent.endpoint = "silent";
  const std::int64_t other = Write([&](Tx& tx) { return PutCursor(tx, silent); });
  Write([&](Tx& tx) {
    DropCursor(tx, other);
    DropCursor(tx, id_);
  });
  ASSERT_EQ(dropped().size(), 1u) << "of the other one there is nothing";
  EXPECT_EQ(dropped()[0].id, id_);
  EXPECT_EQ(dropped()[0].endpoint, "ci");
  Write([&](Tx& tx) {
    TrimAttempts(tx, 1'000, 0, 0, 100);
    DropCursor(tx, PutCursor(tx, silent));
  });
  EXPECT_TRUE(dropped().empty());
}

TEST_P(CursorsTest, APaceIsThatOfTheLastSettlementAndGoesWithARename) {
  const auto stored = [this] { return Read([](Snapshot& s) { return LoadCursors(s); }).at(0); };
  Settlement s = Of(id_);
  s.pace = "slowly";
  Settle(s);
  Cursor renamed = stored();
  renamed.endpoint = "builds";
  Write([&](Tx& tx) { PutCursor(tx, renamed); });
  EXPECT_EQ(stored().pace, "slowly");
  s.pace.clear();
  Settle(s);
  EXPECT_EQ(stored().pace, "");
}

TEST_P(CursorsTest, AReceiptStaysUntilThereIsANewerOne) {
  const auto stored = [this] { return Read([](Snapshot& s) { return LoadCursors(s); }).at(0).receipt; };
  Settlement s = Of(id_);
  s.receipt = "first";
  Settle(s);
  s.receipt.clear();
  Settle(s);
  EXPECT_EQ(stored(), "first");
  s.receipt = "second";
  Settle(s);
  EXPECT_EQ(stored(), "second");
  Cursor renamed = Read([](Snapshot& snap) { return LoadCursors(snap); }).at(0);
  renamed.endpoint = "builds";
  Write([&](Tx& tx) { PutCursor(tx, renamed); });
  EXPECT_EQ(stored(), "second");
}

TEST_P(CursorsTest, ParkingAgainReplacesAndUnparkingEnds) {
  Settlement s = Of(id_);
  s.park = {{"a", 4, 1, 1000, 900, "503"}, {"b", 5, 1, 1000, 900, "503"}};
  Settle(s);
  s.park = {{"a", 4, 2, 2000, 900, "timeout"}};
  s.unpark = {"b"};
  Settle(s);
  const auto lanes = Read([&](Snapshot& snap) { return LoadParked(snap, id_); });
  ASSERT_EQ(lanes.size(), 1u);
  EXPECT_EQ(lanes[0].due, 2000);
  EXPECT_EQ(lanes[0].reason, "timeout");
}

TEST_P(CursorsTest, ASettlementOfACursorThatIsGoneChangesNothing) {
  Settlement s = Of(id_ + 7);
  s.dead = {Letter(50)};
  s.number = 1;
  const auto written = Ask(s);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::kConflict);
  EXPECT_TRUE(Dead().empty());
}

TEST_P(CursorsTest, ASettlementIsMadeOnceHoweverOftenItIsAskedFor) {
  AttemptRow attempt;
  attempt.seq = 4;
  DeadLetter range = Letter(50);
  range.through = 6;
  range.events = 3;
  Settlement s = Of(id_);
  s.settled_through = 6;
  s.dead = {Letter(50), range};
  s.attempts = {attempt};
  s.number = 1;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Ask(s));
  ASSERT_EQ(Dead().size(), 2u);
  EXPECT_EQ(Dead()[1].events, 3);
  EXPECT_EQ(Read([&](Snapshot& snap) { return ListAttempts(snap, id_, 4, 10)->size(); }), 1u);
  EXPECT_EQ(Settlements(), 1);
}

TEST_P(CursorsTest, WhoOpensTheDatabaseTakesTheCursors) {
  Settlement s = Of(id_);
  s.number = 1;
  {
    auto second = OpenStore(Options());
    ASSERT_TRUE(second) << second.error().detail;
    EXPECT_EQ(Ask(s).error().code, Errc::kConflict);
    EXPECT_TRUE((*second)->WriteNow([&](Tx& tx) { return store::Settle(tx, s); }));
  }
  EXPECT_EQ(Settlements(), 1);
}

TEST_P(CursorsTest, ACursorIsSettledInItsTurn) {
  Settlement s = Of(id_);
  s.settled_through = 6;
  s.number = 2;
  EXPECT_EQ(Ask(s).error().code, Errc::kConflict);
  s.number = 1;
  EXPECT_TRUE(Ask(s));
  s.number = 2;
  EXPECT_TRUE(Ask(s));
  s.number = 1;
  EXPECT_EQ(Ask(s).error().code, Errc::kConflict);
  EXPECT_EQ(Settlements(), 2);
}

TEST_P(CursorsTest, ADroppedCursorTakesItsLanesAndLeavesItsDead) {
  Settlement s = Of(id_);
  s.park = {{"a", 4, 1, 1000, 900, "503"}};
  s.dead = {Letter(50)};
  Settle(s);
  Write([&](Tx& tx) { DropCursor(tx, id_); });
  EXPECT_TRUE(Read([](Snapshot& snap) { return LoadCursors(snap); }).empty());
  EXPECT_TRUE(Read([&](Snapshot& snap) { return LoadParked(snap, id_); }).empty());
  EXPECT_EQ(Dead().size(), 1u);
  const std::int64_t next = Write([](Tx& tx) { return PutCursor(tx, Cursor()); });
  EXPECT_GT(next, id_);  // a new cursor must not inherit another's dead letters
}

// A removed cursor is finished when nothing of its range is unsettled. Of these a name keeps one, for its receipt,
// until it is live again.
TEST_P(CursorsTest, FinishedCursorsGoAndOneReceiptOfANameStays) {
  const auto put = [this](std::string name, CursorKind kind, Seq settled, std::string receipt) {
    Cursor cursor;
    cursor.endpoint = std::move(name);
    cursor.kind = kind;
    cursor.settled_through = settled;
    cursor.through = 9;
    cursor.receipt = std::move(receipt);
    return Write([&](Tx& tx) { return PutCursor(tx, cursor); });
  };
  const auto removed = CursorKind::kRemoved;
  put("hook", removed, 9, "");
  const std::int64_t pending = put("hook", removed, 8, "");
  put("audit", removed, 9, "1 record");
  const std::int64_t newest = put("audit", removed, 9, "2 records");
  put("back", removed, 9, "3 records");
  const std::int64_t back = put("back", CursorKind::kLive, 9, "3 records");
  const std::int64_t waits = put("lane", removed, 9, "");
  Settlement park = Of(waits);
  park.number = 1;
  park.settled_through = park.through = 9;
  park.park = {{"a", 4, 1, 1000, 900, "503"}};
  ASSERT_TRUE(Ask(park));
  EXPECT_EQ(Write([](Tx& tx) { return DropFinished(tx); }), 3u);
  std::vector<std::int64_t> left;
  for (const Cursor& cursor : Read([](Snapshot& s) { return LoadCursors(s); })) left.push_back(cursor.id);
  EXPECT_THAT(left, ::testing::UnorderedElementsAre(id_, pending, newest, back, waits));
  EXPECT_EQ(Write([](Tx& tx) { return DropFinished(tx); }), 0u);
}

TEST_P(CursorsTest, GivesUpWhatARemovedEndpointLeft) {
  const auto removed = [this](const char* endpoint, const char* receipt) {
    Cursor cursor;
    cursor.endpoint = endpoint;
    cursor.kind = CursorKind::kRemoved;
    cursor.through = 9;
    cursor.matched = 9;
    cursor.receipt = receipt;
    return Write([&](Tx& tx) { return PutCursor(tx, cursor); });
  };
  const std::int64_t gone = removed("gone", "");
  Settlement park = Of(gone);
  park.number = 1;
  park.settled_through = park.through = 9;
  park.park = {{"a", 4, 1, 1000, 900, "503"}};
  ASSERT_TRUE(Ask(park));
  const std::int64_t noted = removed("audit", "a receipt"), other = removed("other", "");
  EXPECT_EQ(Write([](Tx& tx) { return GiveUpRemoved(tx, "gone"); }), 1u);
  EXPECT_EQ(Write([](Tx& tx) { return GiveUpRemoved(tx, "gone"); }), 0u);
  EXPECT_EQ(Write([](Tx& tx) { return GiveUpRemoved(tx, "audit"); }), 1u);
  std::vector<std::int64_t> left;
  for (const Cursor& cursor : Read([](Snapshot& s) { return LoadCursors(s); })) left.push_back(cursor.id);
  EXPECT_THAT(left, ::testing::UnorderedElementsAre(id_, noted, other)) << "a receipt is kept, and what others left";
  EXPECT_EQ(Write([](Tx& tx) { return GiveUpRemoved(tx, "audit"); }), 0u);
}

TEST_P(CursorsTest, ChangesACursor) {
  Cursor cursor = Read([](Snapshot& s) { return LoadCursors(s); }).at(0);
  cursor.kind = CursorKind::kRemoved;
  EXPECT_EQ(Write([&](Tx& tx) { return PutCursor(tx, cursor); }), id_);
  EXPECT_EQ(Read([](Snapshot& s) { return LoadCursors(s); }).at(0).kind, CursorKind::kRemoved);
}

FOR_EVERY_ENGINE(CursorsTest);

}  // namespace
}  // namespace portcall::store
