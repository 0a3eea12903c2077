#include "store/retention.h"

#include <gmock/gmock.h>

#include <chrono>

#include "tests/store/contract/engine.h"

namespace portcall::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kHour = 3'600ll * 1'000'000'000;

class RetentionTest : public EngineTest {
 protected:
  void SetUp() override { Open(); }
  void AppendMany(int count) {
    Write([&](Tx& tx) {
      for (int i = 0; i < count; ++i) Append(tx, EventOf("library/app"));
    });
  }
  std::int64_t Put(CursorKind kind, Seq settled_through, Seq through = 0) {
    Cursor cursor;
    cursor.endpoint = "e" + std::to_string(settled_through);
    cursor.kind = kind;
    cursor.settled_through = settled_through;
    cursor.through = through;
    return Write([&](Tx& tx) { return PutCursor(tx, cursor); });
  }
  void Park(std::int64_t id, std::vector<Seq> next) {
    const auto cursors = Read([](Snapshot& s) { return LoadCursors(s); });
    const auto cursor = *std::ranges::find(cursors, id, &Cursor::id);
    Settlement settlement;
    settlement.cursor = id;
    settlement.settled_through = cursor.settled_through;
    settlement.through = cursor.through;
    for (const Seq seq : next) settlement.park.push_back({"lane " + std::to_string(seq), seq, 0, 0, 0, "503"});
    settlement.number = cursor.settlements + 1;
    EXPECT_TRUE(Write([&](Tx& tx) { return static_cast<bool>(Settle(tx, settlement)); }));
  }
  std::size_t Delete(Retain retain = {}, std::size_t limit = 1'000) {
    return Write([&](Tx& tx) { return DeleteUnneeded(tx, retain, {limit}).events; });
  }
  std::vector<Seq> Left() {
    std::vector<Seq> seqs;
    for (const auto& e : Read([](Snapshot& s) { return ReadEvents(s, 0, Head(s), {10'000}).events; }))
      seqs.push_back(e->seq);
    return seqs;
  }
  LogSize Size() {
    return Read([](Snapshot& s) { return SizeOf(s); });
  }
};

TEST_P(RetentionTest, NobodyNeedsAnything) {
  AppendMany(10);
  EXPECT_EQ(Size().passed, 10);
  EXPECT_EQ(Delete({}, 4), 4u);
  EXPECT_THAT(Left(), ElementsAre(5, 6, 7, 8, 9, 10));
  EXPECT_EQ(Delete(), 6u);
  EXPECT_EQ(Delete(), 0u);
  EXPECT_EQ(Size().events, 0);
}

TEST_P(RetentionTest, SoManyBytesGoAtATime) {
  Event large = EventOf("library/app");
  large.details = std::string(1 << 20, 'x');
  AppendMany(3);
  Write([&](Tx& tx) {
    for (int i = 0; i < 5; ++i) Append(tx, large);
  });
  AppendMany(3);
  const auto remove = [this] { return Write([](Tx& tx) { return DeleteUnneeded(tx, {}, {1'000, 2UL << 20}); }); };
  std::vector<std::size_t> events;
  for (bool more = true; more;) {
    const Forgotten deleted = remove();
    events.push_back(deleted.events);
    more = deleted.more;
  }
  EXPECT_THAT(events, ElementsAre(5, 2, 4)) << "three small ones and two large; two large; the rest";
  EXPECT_TRUE(Left().empty());
}

TEST_P(RetentionTest, TheSlowestLiveCursorDecidesWhoeverRunsIt) {
  AppendMany(10);
  Put(CursorKind::kLive, 8);
  Put(CursorKind::kLive, 3);
  EXPECT_EQ(Size().passed, 3);
  EXPECT_EQ(Delete(), 3u);
  Reopen();
  EXPECT_EQ(Delete(), 0u);
  EXPECT_EQ(Size().first, 4);
}

TEST_P(RetentionTest, AParkedLaneKeepsWhatLiesBehindItsCursor) {
  AppendMany(10);
  const std::int64_t cursor = Put(CursorKind::kLive, 9);
  Park(cursor, {7, 5, 10});
  EXPECT_EQ(Delete(), 4u);
  EXPECT_EQ(Size().passed, 4);
  EXPECT_EQ(Size().first, 5);
}

TEST_P(RetentionTest, ALaneThatIsAheadOfItsCursorChangesNothing) {
  AppendMany(10);
  Park(Put(CursorKind::kLive, 3), {8});
  EXPECT_EQ(Delete(), 3u);
}

TEST_P(RetentionTest, RemovedAndReplayingCursorsKeepTheirOwnRangesAlone) {
  AppendMany(20);
  Put(CursorKind::kLive, 18);
  Put(CursorKind::kRemoved, 2, 4);
  const std::int64_t replay = Put(CursorKind::kReplay, 8, 9);
  Park(replay, {7});
  Put(CursorKind::kRemoved, 12, 12);  // finished
  EXPECT_EQ(Size().passed, 18);
  EXPECT_EQ(Delete(), 13u);
  EXPECT_THAT(Left(), ElementsAre(3, 4, 7, 8, 9, 19, 20));
  EXPECT_EQ(Size().events, 7);
  EXPECT_EQ(Size().first, 3);
}

TEST_P(RetentionTest, RangesThatAreKeptStayWhileTheRestGoes) {
  AppendMany(1'000);
  Put(CursorKind::kRemoved, 10, 20);
  Put(CursorKind::kRemoved, 400, 460);
  Put(CursorKind::kRemoved, 450, 500);
  Put(CursorKind::kRemoved, 990, 1'000);
  Cursor live;
  live.settled_through = 450;
  live.id = Write([&](Tx& tx) { return PutCursor(tx, live); });
  EXPECT_EQ(Delete({}, 15), 15u);
  EXPECT_EQ(Size().events, 985);
  EXPECT_EQ(Delete({}, 1'000), 375u);
  EXPECT_EQ(Delete({}, 1'000), 0u);
  EXPECT_EQ(Size().events, 610);
  EXPECT_EQ(Size().first, 11);
  live.settled_through = 900;
  Write([&](Tx& tx) { PutCursor(tx, live); });
  EXPECT_EQ(Delete({}, 1'000), 400u);
  const auto left = Left();
  EXPECT_EQ(Size().events, static_cast<std::int64_t>(left.size()));
  for (const Seq seq : left) {
    const bool in_range = (seq > 10 && seq <= 20) || (seq > 400 && seq <= 500);
    EXPECT_TRUE(in_range || seq > 900) << seq;
  }
  const std::int64_t each = Size().bytes / Size().events;
  EXPECT_EQ(Size().bytes, each * 210) << "no more than what is there";
}

TEST_P(RetentionTest, EventsStayAWhileAfterTheyWerePassed) {
  AppendMany(10);
  Cursor live;
  const auto move = [&](Seq through) {
    live.settled_through = through;
    live.id = Write([&](Tx& tx) { return PutCursor(tx, live); });
  };
  move(4);
  EXPECT_EQ(Delete({100 * kHour, kHour}), 0u);
  move(7);
  EXPECT_EQ(Delete({100 * kHour + kHour / 2, kHour}), 0u);
  EXPECT_EQ(Delete({101 * kHour - 1, kHour}), 0u);
  EXPECT_EQ(Delete({101 * kHour, kHour}), 4u);
  EXPECT_EQ(Delete({101 * kHour + kHour / 2, kHour}), 3u);
  move(9);
  EXPECT_EQ(Delete({102 * kHour, kHour}), 0u);
  move(8);  // somebody began earlier
  EXPECT_EQ(Delete({200 * kHour, kHour}), 1u);
  EXPECT_THAT(Left(), ElementsAre(9, 10));
}

TEST_P(RetentionTest, WhatWasPassedIsRememberedAtMostOnceAMinute) {
  AppendMany(10);
  constexpr std::int64_t kSecond = kHour / 3'600;
  Cursor live;
  for (Seq seq = 1; seq <= 10; ++seq) {
    live.settled_through = seq;
    live.id = Write([&](Tx& tx) { return PutCursor(tx, live); });
    EXPECT_EQ(Delete({kHour + seq * 10 * kSecond, kHour}), 0u);
  }
  // Remembered: 1 at 10 s and 7 at 70 s.
  EXPECT_EQ(Delete({2 * kHour + 69 * kSecond, kHour}), 1u);
  EXPECT_EQ(Delete({2 * kHour + 70 * kSecond, kHour}), 6u);
}

TEST_P(RetentionTest, AClockThatWasWrongDoesNotStopIt) {
  AppendMany(10);
  Put(CursorKind::kLive, 9);
  EXPECT_EQ(Delete({900 * kHour, kHour}), 0u);
  EXPECT_EQ(Delete({10 * kHour, kHour}), 0u);
  EXPECT_EQ(Delete({11 * kHour, kHour}), 9u);
}

FOR_EVERY_ENGINE(RetentionTest);

}  // namespace
}  // namespace portcall::store
