#include "store/cursors.h"

#include <gmock/gmock.h>

#include "store/endpoints.h"
#include "tests/store/contract/engine.h"

namespace portcall::store {
namespace {

class CursorsTest : public EngineTest {
 protected:
  void SetUp() override {
    Open();
    for (int i = 0; i < 10; ++i) AppendOne();
    Cursor cursor;
    cursor.endpoint = "ci";
    cursor.kind = CursorKind::kReplay;
    cursor.from = 2;
    cursor.through = 9;
    cursor.selection = "all";
    cursor.fingerprint = "f";
    id_ = Write([&](Tx& tx) { return PutCursor(tx, cursor); });
  }
  static DeadLetter Letter(std::int64_t died_at, std::size_t answer = 10) {
    DeadLetter dead;
    dead.endpoint = "ci";
    dead.event = EventOf("library/app");
    dead.event.seq = 4;
    dead.event.id = "id-4";
    dead.event.recorded_at = 77;
    dead.attempts = 3;
    dead.died_at = died_at;
    dead.reason = "rejected";
    dead.answer = std::string(answer, '4');
    return dead;
  }
  // As the next settlement of its cursor.
  void Settle(Settlement& s) {
    s.number = Settlements() + 1;
    EXPECT_TRUE(Ask(s));
  }
  Result<void> Ask(const Settlement& s) {
    return store_->WriteNow([&](Tx& tx) { return store::Settle(tx, s); });
  }
  std::int64_t Settlements() {
    return Read([](Snapshot& s) { return LoadCursors(s); }).at(0).settlements;
  }
  Settlement Of(std::int64_t cursor) {
    Settlement s;
    s.cursor = cursor;
    return s;
  }
  std::vector<DeadLetter> Dead() {
    return Read([](Snapshot& s) { return ListDead(s, "ci", 0, 100); });
  }
  std::int64_t id_ = 0;
};

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

  const auto dead = Dead();
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].cursor, id_);
  EXPECT_EQ(dead[0].event.id, "id-4");
  EXPECT_EQ(dead[0].event.recorded_at, 77);
  EXPECT_EQ(dead[0].event.details, EventOf("x").details);
  EXPECT_EQ(dead[0].attempts, 3);
  EXPECT_EQ(dead[0].reason, "rejected");
  EXPECT_EQ(dead[0].answer, std::string(10, '4'));

  const auto attempts = Read([&](Snapshot& snap) { return ListAttempts(snap, id_, 4, 10); });
  ASSERT_EQ(attempts.size(), 1u);
  EXPECT_EQ(attempts[0].events, 2);
  EXPECT_EQ(attempts[0].attempt, 3);
  EXPECT_EQ(attempts[0].status, 400);
  EXPECT_EQ(attempts[0].latency_us, 1234);
  EXPECT_FALSE(attempts[0].delivered);
  EXPECT_EQ(attempts[0].error, "rejected");
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
  EXPECT_EQ(Read([&](Snapshot& snap) { return ListAttempts(snap, id_, 4, 10); }).size(), 1u);
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

TEST_P(CursorsTest, ChangesACursor) {
  Cursor cursor = Read([](Snapshot& s) { return LoadCursors(s); }).at(0);
  cursor.kind = CursorKind::kRemoved;
  EXPECT_EQ(Write([&](Tx& tx) { return PutCursor(tx, cursor); }), id_);
  EXPECT_EQ(Read([](Snapshot& s) { return LoadCursors(s); }).at(0).kind, CursorKind::kRemoved);
}

TEST_P(CursorsTest, PagesThroughDeadLettersAndDropsThem) {
  Settlement s = Of(id_);
  for (int i = 0; i < 5; ++i) s.dead.push_back(Letter(i));
  Settle(s);
  EXPECT_EQ(Read([](Snapshot& snap) { return CountDead(snap, "ci"); }), 5);
  EXPECT_EQ(Read([](Snapshot& snap) { return CountDead(snap, "other"); }), 0);
  const auto first = Read([](Snapshot& snap) { return ListDead(snap, "ci", 0, 2); });
  ASSERT_EQ(first.size(), 2u);
  const auto rest = Read([&](Snapshot& snap) { return ListDead(snap, "ci", first[1].id, 10); });
  EXPECT_EQ(rest.size(), 3u);
  EXPECT_TRUE(Write([&](Tx& tx) { return DropDead(tx, rest[0].id); }));
  EXPECT_FALSE(Write([&](Tx& tx) { return DropDead(tx, rest[0].id); }));
  EXPECT_EQ(Dead().size(), 4u);
}

TEST_P(CursorsTest, TrimsHistoryByAgeAndSize) {
  Settlement s = Of(id_);
  for (int i = 1; i <= 10; ++i) {
    s.dead.push_back(Letter(i * 100, 10'000));
    AttemptRow attempt;
    attempt.seq = i;
    attempt.at = i * 100;
    s.attempts.push_back(attempt);
  }
  Settle(s);
  const std::int64_t all = std::int64_t{1} << 40;
  const auto trim = [&](std::int64_t before, std::int64_t rows, std::int64_t dead_before, std::int64_t bytes,
                        std::size_t limit) {
    return Write([&](Tx& tx) {
      const std::size_t attempts = TrimAttempts(tx, before, rows, all, limit);
      return attempts + TrimDead(tx, dead_before, bytes, {limit - attempts}).rows["ci"];
    });
  };
  EXPECT_EQ(trim(0, 100, 0, all, 100), 0u);
  EXPECT_EQ(trim(300, 100, 0, all, 100), 2u);  // attempts by age
  EXPECT_EQ(trim(0, 5, 0, all, 100), 3u);      // attempts by count
  EXPECT_EQ(trim(0, 100, 300, all, 100), 2u);  // dead letters by age
  EXPECT_EQ(Dead().front().died_at, 300);
  EXPECT_EQ(trim(0, 100, 0, 45'000, 100), 4u);  // dead letters by size: four of eight fit
  EXPECT_EQ(Dead().size(), 4u);
  EXPECT_EQ(trim(all, 0, all, 0, 3), 3u);  // no more than asked
  EXPECT_EQ(trim(all, 0, all, 0, 100), 6u);
  EXPECT_TRUE(Dead().empty());
}

TEST_P(CursorsTest, AttemptsAndDeadLettersKeepWithinTheirBytes) {
  Settlement s = Of(id_);
  for (int i = 1; i <= 100; ++i) {
    AttemptRow attempt;
    attempt.seq = i;
    attempt.error = std::string(i == 60 ? 100'000 : 900, 'x');
    s.attempts.push_back(attempt);
    s.dead.push_back(Letter(i, i == 60 ? 100'000 : 900));
  }
  Settle(s);
  const auto sizes = [this] {
    return Read([](Snapshot& snap) { return std::pair(BytesOfAttempts(snap), BytesOfDead(snap)); });
  };
  EXPECT_GT(sizes().first, 189'000);
  EXPECT_LT(sizes().first, 230'000);
  EXPECT_GT(sizes().second, 189'000);
  const std::int64_t all = std::int64_t{1} << 40;
  std::size_t gone = 0;
  // The newest forty fit, the large one before them does not.
  for (std::size_t more = 7; more == 7; gone += more) {
    more = Write([&](Tx& tx) { return TrimAttempts(tx, 0, all, 60'000, 7); });
  }
  EXPECT_EQ(gone, 60u);
  EXPECT_LE(sizes().first, 60'000);
  EXPECT_EQ(Write([&](Tx& tx) { return TrimDead(tx, 0, 60'000, {100}).rows["ci"]; }), 60u);
  EXPECT_LE(sizes().second, 60'000);
  EXPECT_EQ(Write([&](Tx& tx) { return TrimAttempts(tx, all, 0, 0, 100) + TrimDead(tx, all, 0, {100}).rows["ci"]; }),
            80u);
  EXPECT_EQ(sizes(), std::pair(std::int64_t{0}, std::int64_t{0}));
}

TEST_P(CursorsTest, SoManyBytesOfDeadLettersGoAtATime) {
  Settlement s = Of(id_);
  for (int i = 1; i <= 6; ++i) s.dead.push_back(Letter(i, 100'000));
  Settle(s);
  const auto trim = [this] {
    return Write([](Tx& tx) { return TrimDead(tx, 5, std::int64_t{1} << 40, {100, 150'000}); });
  };
  TrimmedDead trimmed = trim();
  EXPECT_EQ(trimmed.rows["ci"], 2u);
  EXPECT_TRUE(trimmed.more);
  trimmed = trim();
  EXPECT_EQ(trimmed.rows["ci"], 2u);
  EXPECT_FALSE(trimmed.more) << "the others are not old enough";
}

TEST_P(CursorsTest, AnExpiredRangeGrowsWhereItGoesOn) {
  const auto expire = [this](Seq from, Seq through, std::int64_t events) {
    DeadLetter range;
    range.endpoint = "ci";
    range.event.seq = from;
    range.through = through;
    range.events = events;
    range.reason = "expired";
    Settlement s = Of(id_);
    s.dead = {range};
    Settle(s);
  };
  Settlement other = Of(id_);
  other.dead = {Letter(10)};
  Settle(other);
  expire(5, 10, 3);
  Settle(other);
  expire(11, 20, 7);
  expire(30, 40, 1);  // what lies between was delivered
  const auto dead = Dead();
  ASSERT_EQ(dead.size(), 4u);
  EXPECT_EQ(dead[0].through, 0);
  EXPECT_EQ(dead[0].events, 1);
  EXPECT_EQ(dead[1].event.seq, 5);
  EXPECT_EQ(dead[1].through, 20);
  EXPECT_EQ(dead[1].events, 10);
  EXPECT_EQ(dead[3].event.seq, 30);
  EXPECT_EQ(dead[3].through, 40);
}

FOR_EVERY_ENGINE(CursorsTest);

}  // namespace
}  // namespace portcall::store
