#include <gtest/gtest.h>

#include "broker/core/endpoint_core.h"
#include "store/lane.h"
#include "tests/broker/answers.h"

// What is read of the log for a lane that a restart finds behind the cursor.
namespace portcall::broker {
namespace {

constexpr store::Seq kCursor = 100'000, kFirst = 5, kLast = 7;

store::EventPtr EventAt(store::Seq seq) {
  auto event = std::make_shared<store::Event>();
  event->seq = seq;
  event->repository = "repo";
  return event;
}

TEST(EndpointReread, ALaneIsReadToTheCursorOnceAndThenNoFurtherThanItsLastEvent) {
  config::Endpoint entry = Hook();
  entry.threshold = 1'000;
  store::Cursor cursor;
  cursor.settled_through = cursor.through = cursor.matched = kCursor;
  cursor.settled = kCursor - 2;
  store::ParkedLane row;
  row.lane = store::LaneOfRepository("", "repo");
  row.next_seq = kFirst;
  row.attempts = 1;
  row.reason = "503";
  Moment now{kSecond, kSecond};
  EndpointCore core(entry, {}, cursor, {row}, "", now, 1);
  core.Grown(kCursor);
  int reads_to_the_cursor = 0;
  for (int attempts = 0; attempts < 20; ++attempts) {
    now.ticks += 3'600 * kSecond;
    while (const auto read = core.NextLaneRead(now)) {
      EXPECT_GE(read->after, kFirst - 1);
      EXPECT_TRUE(read->through == kCursor || read->through <= kLast) << read->through;
      if (read->through == kCursor) ++reads_to_the_cursor;
      store::Portion page{{}, read->through};
      for (const store::Seq seq : {kFirst, kLast}) {
        if (seq > read->after && seq <= read->through) page.events.push_back(EventAt(seq));
      }
      core.OnLane(*read, page, now);
    }
    Attempt attempt;
    ASSERT_TRUE(core.Claim(now, attempt));
    EXPECT_EQ(attempt.event->seq, kFirst);
    core.OnOutcome(attempt, Answer(503), now);
    if (core.TakeSettlement(now, true)) core.Flushed();
  }
  EXPECT_EQ(reads_to_the_cursor, 1);
}

}  // namespace
}  // namespace portcall::broker
