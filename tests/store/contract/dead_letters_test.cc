#include "store/dead_letters.h"

#include <gmock/gmock.h>

#include "store/attempts.h"
#include "store/event_log.h"
#include "tests/store/contract/cursors_fixture.h"

namespace portcall::store {
namespace {

class DeadLettersTest : public CursorsTest {};

TEST_P(DeadLettersTest, PagesThroughDeadLettersAndDropsThem) {
  Settlement s = Of(id_);
  for (int i = 0; i < 5; ++i) s.dead.push_back(Letter(i));
  Settle(s);
  EXPECT_EQ(Read([](Snapshot& snap) { return CountDead(snap, "ci"); }), 5);
  EXPECT_EQ(Read([](Snapshot& snap) { return CountDead(snap, "other"); }), 0);
  const auto first = Read([](Snapshot& snap) { return ListDead(snap, "ci", 0, 2); });
  ASSERT_EQ(first.size(), 2u);
  const auto rest = Read([&](Snapshot& snap) { return ListDead(snap, "ci", first[1].id, 10); });
  EXPECT_EQ(rest.size(), 3u);
  const auto briefly = Read([&](Snapshot& snap) { return ListDeadBriefly(snap, "ci", first[1].id, 10); });
  ASSERT_EQ(briefly.size(), 3u);
  EXPECT_EQ(briefly[0].id, rest[0].id);
  EXPECT_EQ(briefly[0].reason, rest[0].reason);
  EXPECT_EQ(briefly[0].event.repository, rest[0].event.repository);
  EXPECT_EQ(briefly[0].answer + briefly[0].event.details, "");
  EXPECT_EQ(Read([](Snapshot& snap) { return ListDeadBriefly(snap, "", 0, 4); }).size(), 4u) << "of all endpoints";
  const auto found = Read([&](Snapshot& snap) { return FindDead(snap, rest[0].id); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->answer, rest[0].answer);
  EXPECT_EQ(found->event.details, rest[0].event.details);
  EXPECT_TRUE(Write([&](Tx& tx) { return DropDead(tx, rest[0].id); }));
  EXPECT_FALSE(Write([&](Tx& tx) { return DropDead(tx, rest[0].id); }));
  EXPECT_FALSE(Read([&](Snapshot& snap) { return FindDead(snap, rest[0].id); }));
  EXPECT_EQ(Dead().size(), 4u);
}

TEST_P(DeadLettersTest, OneThatIsTriedAnewStandsInTheLogForOneCursorAndIsDeadNoMore) {
  Settlement s = Of(id_);
  s.dead = {Letter(1), Letter(2)};
  s.dead[0].event.details = std::string(5'000, 'd');
  Settle(s);
  const std::int64_t before = Read([](Snapshot& snap) { return BytesOfDead(snap); });
  const auto letter = Dead().at(0);
  Write([&](Tx& tx) { RetryDead(tx, letter, 42); });
  EXPECT_EQ(Dead().size(), 1u);
  EXPECT_LT(Read([](Snapshot& snap) { return BytesOfDead(snap); }), before - 5'000);
  const EventPtr again = Read([](Snapshot& snap) { return FindEvent(snap, Head(snap)); });
  ASSERT_TRUE(again && again->retrial);
  EXPECT_EQ(again->id, letter.event.id);
  EXPECT_EQ(again->details, letter.event.details);
  EXPECT_EQ(again->retrial->cursor, 42);
  EXPECT_EQ(again->retrial->recorded_at, 77);
  EXPECT_EQ(again->first_recorded_at(), 77) << "receivers are told when it happened";
  EXPECT_GT(again->recorded_at, 77) << "the log's own times never decrease";
  EXPECT_EQ(again->retrial->seqs, std::vector<Seq>{4});
  Write([&](Tx& tx) { RetryDead(tx, letter, 42); });
  EXPECT_EQ(Read([](Snapshot& snap) { return Head(snap); }), again->seq) << "it is dead no more: nothing is done";
}

TEST_P(DeadLettersTest, OneThatDiesAgainRemembersWhereItStood) {
  for (Seq life = 1; life <= 20; ++life) {
    Settlement s = Of(id_);
    s.dead = {Letter(life)};
    if (life > 1) s.dead[0].event = *Read([](Snapshot& snap) { return FindEvent(snap, Head(snap)); });
    Settle(s);
    const auto letter = Dead().at(0);
    Write([&](Tx& tx) { RetryDead(tx, letter, 42); });
  }
  Open();
  const EventPtr last = Read([](Snapshot& snap) { return FindEvent(snap, Head(snap)); });
  ASSERT_TRUE(last->retrial);
  EXPECT_EQ(last->retrial->recorded_at, 77) << "when it was recorded first";
  EXPECT_EQ(last->retrial->seqs.size(), Retrial::kMostSeqs);
  EXPECT_EQ(last->retrial->seqs.back(), last->seq - 1);
}

TEST_P(DeadLettersTest, OneOfAnEventIsFoundByItsSeqItsIdAndItsRange) {
  Settlement s = Of(id_);
  DeadLetter range;
  range.endpoint = "ci";
  range.event.seq = 3;
  range.through = 8;
  range.reason = "expired";
  s.dead = {Letter(1), range};
  Settle(s);
  const auto by_seq = Read([](Snapshot& snap) { return ListDeadOf(snap, 4, 10); });
  ASSERT_EQ(by_seq.size(), 1u);
  EXPECT_EQ(by_seq[0].event.id, "id-4");
  EXPECT_EQ(Read([](Snapshot& snap) { return ListDeadOf(snap, "id-4", 10); }).size(), 1u);
  EXPECT_EQ(Read([](Snapshot& snap) { return ListDeadOf(snap, "id-5", 10); }).size(), 0u);
  EXPECT_EQ(Read([](Snapshot& snap) { return ListDeadOf(snap, 3, 10); }).size(), 0u) << "a range is no event";
  const auto range_of = [&](Seq seq) { return Read([&](Snapshot& snap) { return FindDeadRange(snap, id_, seq); }); };
  EXPECT_FALSE(range_of(2) || range_of(9));
  ASSERT_TRUE(range_of(3) && range_of(8));
  EXPECT_EQ(range_of(8)->event.seq, 3);
}

TEST_P(DeadLettersTest, TrimsHistoryByAgeAndSize) {
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

TEST_P(DeadLettersTest, AttemptsAndDeadLettersKeepWithinTheirBytes) {
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

TEST_P(DeadLettersTest, SoManyBytesOfDeadLettersGoAtATime) {
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

TEST_P(DeadLettersTest, AnExpiredRangeGrowsWhereItGoesOn) {
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

FOR_EVERY_ENGINE(DeadLettersTest);

}  // namespace
}  // namespace portcall::store
