#include "store/event_log.h"

#include <gmock/gmock.h>

#include <chrono>

#include "runtime/bytes.h"
#include "store/lane.h"
#include "tests/store/contract/engine.h"

namespace portcall::store {
namespace {

using std::chrono::seconds;

class EventLogTest : public EngineTest {
 protected:
  void SetUp() override { Open(); }
};

TEST_P(EventLogTest, KeepsEveryField) {
  Event event = EventOf("library/app");
  event.action = Action::kDelete;
  event.kind = Kind::kRepository;
  event.source = "other";
  event.id = "any id";
  const Seq seq = Write([&](Tx& tx) { return Append(tx, event); });
  const EventPtr found = Read([&](Snapshot& s) { return FindEvent(s, seq); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->seq, 1);
  EXPECT_EQ(found->id, "any id");
  EXPECT_EQ(found->recorded_at, clock_.Now().time_since_epoch().count());
  EXPECT_EQ(found->action, event.action);
  EXPECT_EQ(found->kind, event.kind);
  EXPECT_EQ(found->source, event.source);
  EXPECT_EQ(found->repository, event.repository);
  EXPECT_EQ(found->tag, event.tag);
  EXPECT_EQ(found->digest, event.digest);
  EXPECT_EQ(found->media_type, event.media_type);
  EXPECT_EQ(found->size, event.size);
  EXPECT_EQ(found->actor, event.actor);
  EXPECT_EQ(found->details, event.details);
}

TEST_P(EventLogTest, NeverGivesASeqTwice) {
  for (int i = 0; i < 3; ++i) AppendOne();
  EXPECT_EQ(Forget(3), 3u);
  EXPECT_EQ(Read([](Snapshot& s) { return Head(s); }), 3);
  EXPECT_EQ(Read([](Snapshot& s) { return Tail(s); }), 4);
  Reopen();
  EXPECT_EQ(AppendOne(), 4);
  EXPECT_EQ(Read([](Snapshot& s) { return Tail(s); }), 4);
}

TEST_P(EventLogTest, AnEmptyLogBeginsAtOne) {
  EXPECT_EQ(Read([](Snapshot& s) { return Head(s); }), 0);
  EXPECT_EQ(Read([](Snapshot& s) { return Tail(s); }), 1);
  EXPECT_EQ(Read([](Snapshot& s) { return FirstSince(s, 0); }), 1);
  EXPECT_EQ(Read([](Snapshot& s) { return SizeOf(s); }).events, 0);
}

TEST_P(EventLogTest, TimeNeverGoesBack) {
  AppendOne();
  const auto then = clock_.Now();
  clock_.SetWall(then - seconds(3600));
  AppendOne();
  Reopen();
  AppendOne();
  const auto events = Read([](Snapshot& s) { return ReadEvents(s, 0, 10, {10}).events; });
  ASSERT_EQ(events.size(), 3u);
  for (const auto& event : events) EXPECT_EQ(event->recorded_at, then.time_since_epoch().count());
}

TEST_P(EventLogTest, ReadsARangeInOrder) {
  for (int i = 0; i < 10; ++i) AppendOne();
  const auto seqs = [&](Seq after, Seq through, std::size_t limit) {
    std::vector<Seq> found;
    for (const auto& e : Read([&](Snapshot& s) { return ReadEvents(s, after, through, {limit}).events; }))
      found.push_back(e->seq);
    return found;
  };
  EXPECT_EQ(seqs(2, 5, 10), (std::vector<Seq>{3, 4, 5}));
  EXPECT_EQ(seqs(2, 10, 2), (std::vector<Seq>{3, 4}));
  EXPECT_EQ(seqs(10, 20, 2), std::vector<Seq>{});
}

TEST_P(EventLogTest, ReadsOneLane) {
  for (int i = 0; i < 4; ++i) {
    AppendOne("a");
    AppendOne("b");
  }
  Event relayed = EventOf("a");
  relayed.source = "relay";
  Write([&](Tx& tx) { return Append(tx, relayed); });
  const auto lane = Read([](Snapshot& s) { return ReadLane(s, LaneOfRepository("", "a"), 1, 100, {2}).events; });
  ASSERT_EQ(lane.size(), 2u);
  EXPECT_EQ(lane[0]->seq, 3);
  EXPECT_EQ(lane[1]->seq, 5);
  EXPECT_EQ(Read([](Snapshot& s) { return ReadLane(s, LaneOfRepository("relay", "a"), 0, 100, {9}).events; }).size(),
            1u);
}

// An outage leaves a parked lane for each tag, and each is read by itself.
TEST_P(EventLogTest, ATagsEventsAreReadWithoutThoseOfOthers) {
  constexpr int kOthers = 20'000;
  Event event = EventOf("a");
  Write([&](Tx& tx) {
    event.tag = "rare";
    Append(tx, event);
    for (int i = 0; i < kOthers; ++i) {
      event.tag = "tag" + std::to_string(i % 100);
      Append(tx, event);
    }
    event.tag = "rare";
    Append(tx, event);
  });
  const Portion all = Read([](Snapshot& s) { return ReadLane(s, LaneOfTag("", "a", "rare"), 0, 90'000, {100}); });
  ASSERT_EQ(all.events.size(), 2u);
  EXPECT_EQ(all.events[0]->seq, 1);
  EXPECT_EQ(all.events[1]->seq, kOthers + 2);
  EXPECT_EQ(all.through, 90'000) << "they were found with one look";
  const Portion one = Read([](Snapshot& s) { return ReadLane(s, LaneOfTag("", "a", "tag7"), 0, 90'000, {1}); });
  ASSERT_EQ(one.events.size(), 1u);
  EXPECT_EQ(one.through, one.events[0]->seq);
  EXPECT_TRUE(Read([](Snapshot& s) { return ReadLane(s, LaneOfTag("", "a", "none"), 0, 9, {9}).events; }).empty());
  EXPECT_TRUE(Read([](Snapshot& s) { return ReadLane(s, LaneOfTag("x", "a", "tag7"), 0, 99, {9}).events; }).empty());
}

// Their index has blocks of thousands of events.
TEST_P(EventLogTest, ALaneIsReadInOrderHoweverFarApartItsEventsAre) {
  constexpr int kApart = 10'000;
  std::vector<Seq> wanted;
  Write([&](Tx& tx) {
    wanted.clear();
    for (int i = 0; i < 3; ++i) {
      wanted.push_back(Append(tx, EventOf("rare")));
      wanted.push_back(Append(tx, EventOf("rare")));
      for (int k = 0; k < kApart; ++k) Append(tx, EventOf("busy"));
    }
  });
  for (const std::string& lane : {LaneOfRepository("", "rare"), LaneOfTag("", "rare", "v1")}) {
    const auto read = [&](Seq after, Seq through, std::size_t limit) {
      return Read([&](Snapshot& s) { return ReadLane(s, lane, after, through, {limit}); });
    };
    const auto seqs = [](const Portion& portion) {
      std::vector<Seq> found;
      for (const EventPtr& event : portion.events) found.push_back(event->seq);
      return found;
    };
    const Portion all = read(0, 90'000, 100), some = read(wanted[0], 90'000, 3), none = read(wanted[5], 90'000, 9);
    EXPECT_EQ(seqs(all), wanted);
    EXPECT_EQ(all.through, 90'000);
    EXPECT_EQ(seqs(some), std::vector<Seq>(wanted.begin() + 1, wanted.begin() + 4));
    EXPECT_EQ(some.through, wanted[3]);
    EXPECT_TRUE(none.events.empty());
    EXPECT_EQ(none.through, 90'000);
    EXPECT_EQ(seqs(read(wanted[1], wanted[4], 9)), std::vector<Seq>(wanted.begin() + 2, wanted.begin() + 5));
  }
  while (Forget(wanted[2], 5'000) == 5'000) {
  }
  EXPECT_EQ(Read([&](Snapshot& s) { return ReadLane(s, LaneOfRepository("", "rare"), 0, 90'000, {9}); }).events.size(),
            3u);
}

TEST_P(EventLogTest, ReadsNoMoreBytesThanAskedForButOneEvent) {
  Event large = EventOf("a");
  large.details = std::string(100'000, 'x');
  for (int i = 0; i < 5; ++i) Write([&](Tx& tx) { return Append(tx, large); });
  for (const bool lane : {false, true}) {
    const auto read = [&](Seq after, std::size_t bytes) {
      return Read([&](Snapshot& s) {
        const Limit limit{100, bytes};
        return lane ? ReadLane(s, LaneOfRepository("", "a"), after, 5, limit) : ReadEvents(s, after, 5, limit);
      });
    };
    const Portion two = read(0, 150'000), one = read(2, 1), rest = read(3, 1'000'000);
    EXPECT_EQ(two.events.size(), 2u);
    EXPECT_EQ(two.through, 2);
    EXPECT_EQ(one.events.size(), 1u);
    EXPECT_EQ(one.through, 3);
    EXPECT_EQ(rest.events.size(), 2u);
    EXPECT_EQ(rest.through, 5);
  }
}

TEST_P(EventLogTest, FindsTheFirstSinceATime) {
  std::vector<std::int64_t> times;
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(seconds(10));
    times.push_back(clock_.Now().time_since_epoch().count());
    AppendOne();
  }
  EXPECT_EQ(Forget(5), 5u);
  const auto first = [&](std::int64_t t) { return Read([&](Snapshot& s) { return FirstSince(s, t); }); };
  EXPECT_EQ(first(0), 6);
  EXPECT_EQ(first(times[9]), 10);
  EXPECT_EQ(first(times[9] + 1), 11);
  EXPECT_EQ(first(times[19]), 20);
  EXPECT_EQ(first(times[19] + 1), 21);
}

TEST_P(EventLogTest, FindsAnEventByItsId) {
  clock_.SetWall(runtime::SystemClock().Now());
  for (int i = 0; i < 5; ++i) AppendOne();
  Event relayed = EventOf("r");
  for (const std::string& id : {std::string("0193f0a0-0000-7000-8000-000000000000"), runtime::UuidV4()}) {
    relayed.id = id;  // made long ago, elsewhere
    Write([&](Tx& tx) { return Append(tx, relayed); });
    EXPECT_FALSE(Read([&](Snapshot& s) { return FindEvent(s, id); })) << "that would be read the whole log for";
    Backwards search{.before = 100, .wanted = [&](const Event& event) { return event.id == id; }, .limit = 1};
    EXPECT_EQ(Read([&](Snapshot& s) { return ReadBackwards(s, search).events; }).size(), 1u);
  }
  for (Seq seq = 1; seq <= 5; ++seq) {
    const EventPtr event = Read([&](Snapshot& s) { return FindEvent(s, seq); });
    const EventPtr same = Read([&](Snapshot& s) { return FindEvent(s, event->id); });
    ASSERT_TRUE(same);
    EXPECT_EQ(same->seq, seq);
  }
  EXPECT_FALSE(Read([](Snapshot& s) { return FindEvent(s, runtime::UuidV7()); }));
  EXPECT_FALSE(Read([](Snapshot& s) { return FindEvent(s, "ffffffff-ffff-7fff-bfff-ffffffffffff"); }));
  EXPECT_FALSE(Read([](Snapshot& s) { return FindEvent(s, Seq{99}); }));
}

// Backwards, by index where a repository or a tag is named: the same events, over the edges of the index's blocks.
TEST_P(EventLogTest, ReadsTheNewestFirstAndSaysHowFarItLooked) {
  constexpr Seq kLast = (Seq{2} << 13) + 700;
  Write([](Tx& tx) {
    for (Seq seq = 1; seq <= kLast; ++seq) {
      Event event = EventOf(seq % 4'000 == 0 ? "library/rare" : "library/app");
      event.tag = seq % 8'000 == 0 ? "v1" : "v2";
      event.details = "{}";
      Append(tx, event);
    }
  });
  Backwards all{.before = kLast + 1, .limit = 10};
  const auto read = [&](const Backwards& what) { return Read([&](Snapshot& s) { return ReadBackwards(s, what); }); };
  const auto seqs = [&](const Backwards& what) {
    std::vector<Seq> found;
    for (const EventPtr& event : read(what).events) found.push_back(event->seq);
    return found;
  };
  EXPECT_EQ(seqs(all).front(), kLast);
  EXPECT_EQ(seqs(all).back(), kLast - 9);
  EXPECT_EQ(read(all).through, kLast - 9);
  EXPECT_EQ(read(all).events.front()->details, "") << "a page is small, whatever the events are";
  Backwards rare = all;
  rare.repository = "library/rare";
  EXPECT_THAT(seqs(rare), ::testing::ElementsAre(16'000, 12'000, 8'000, 4'000));
  EXPECT_EQ(read(rare).through, 1) << "there are no more";
  rare.tag = "v1";
  EXPECT_THAT(seqs(rare), ::testing::ElementsAre(16'000, 8'000));
  rare.before = 16'000;
  EXPECT_THAT(seqs(rare), ::testing::ElementsAre(8'000));
  rare.before = kLast + 100;
  rare.after = 8'000;
  EXPECT_THAT(seqs(rare), ::testing::ElementsAre(16'000));
  EXPECT_EQ(read(rare).through, 8'001);
  all.wanted = [](const Event& event) { return event.seq % 1'000 == 0; };
  all.limit = 3;
  EXPECT_THAT(seqs(all), ::testing::ElementsAre(17'000, 16'000, 15'000));
  int looks = 0;
  all.goes_on = [&looks] { return ++looks < 3; };
  const Portion cut = read(all);
  EXPECT_EQ(cut.events.size(), 1u);
  EXPECT_GT(cut.through, kLast - 200);
  all.before = cut.through;
  looks = -1'000;
  EXPECT_THAT(seqs(all), ::testing::ElementsAre(16'000, 15'000, 14'000)) << "it goes on where it was";
}

TEST_P(EventLogTest, KnowsAboutHowLargeItIs) {
  Event event = EventOf("r");
  event.details = std::string(2000, 'x');
  Write([&](Tx& tx) {
    for (int i = 0; i < 500; ++i) Append(tx, event);
  });
  const LogSize size = Read([](Snapshot& s) { return SizeOf(s); });
  EXPECT_EQ(size.events, 500);
  EXPECT_GT(size.bytes, 500 * 2000);
  EXPECT_LT(size.bytes, 500 * 3000);
}

// Few large events among many small ones are what a sample misses, or takes for all of them.
TEST_P(EventLogTest, KnowsHowLargeAnyPartOfItIs) {
  Event small = EventOf("r"), large = EventOf("r");
  large.details = std::string(1 << 20, 'x');
  const auto append = [&](const Event& event, int count) {
    return Write([&](Tx& tx) {
      for (int i = 0; i < count; ++i) Append(tx, event);
    });
  };
  const auto size = [this] { return Read([](Snapshot& s) { return SizeOf(s); }); };
  append(small, 1);
  const std::int64_t each = size().bytes;
  EXPECT_GT(each, 200);
  append(small, 999);
  EXPECT_EQ(size().bytes, 1'000 * each);
  append(large, 1);
  const std::int64_t big = size().bytes - 1'000 * each;
  EXPECT_GT(big, 1 << 20);
  EXPECT_LT(big, 5 << 18);
  append(small, 500);
  (void)store_->WriteNow([&](Tx& tx) -> Result<void> {  // undone
    Append(tx, large);
    return Error(Errc::kConflict, "no");
  });
  Reopen();
  append(small, 333);
  append(large, 2);
  append(small, 7);
  EXPECT_EQ(size().bytes, 1'840 * each + 3 * big);
  EXPECT_EQ(Forget(130), 130u);
  EXPECT_EQ(size().bytes, 1'710 * each + 3 * big);
  const auto reach = [this](std::int64_t bytes) { return Read([&](Snapshot& s) { return ReachOldest(s, bytes); }); };
  EXPECT_EQ(reach(1), 131);
  EXPECT_EQ(reach(each + 1), 132);
  EXPECT_EQ(reach(870 * each), 1'000);
  EXPECT_EQ(reach(870 * each + 1), 1'001);
  EXPECT_EQ(reach(870 * each + big + 1), 1'002);
  EXPECT_EQ(reach(std::int64_t{1} << 40), 1'843);
  EXPECT_EQ(Forget(1'001), 871u);
  EXPECT_EQ(size().bytes, 840 * each + 2 * big);
  EXPECT_EQ(Forget(1'835), 834u);
  Reopen();
  append(small, 3);
  EXPECT_EQ(size().bytes, 10 * each + big);
  EXPECT_EQ(Forget(1'846), 11u);
  EXPECT_EQ(size().bytes, 0);
  Reopen();
  append(small, 100);
  EXPECT_EQ(size().bytes, 100 * each);
}

FOR_EVERY_ENGINE(EventLogTest);

}  // namespace
}  // namespace portcall::store
