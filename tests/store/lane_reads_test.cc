#include <sqlite3.h>

#include "store/lane.h"
#include "store/sqlite/tx.h"
#include "tests/store/fixture.h"

namespace portcall::store {
namespace {

constexpr int kOthers = 100'000;

// Three events of a lane at the log's start, and many others behind them.
class LaneReadsTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreOptions options = Options();
    options.provocations = {};
    Open(std::move(options));
    Write([](Tx& tx) {
      for (int i = 0; i < 3; ++i) Append(tx, Of("lane", "v1"));
      for (int i = 0; i < kOthers; ++i) Append(tx, Of("other" + std::to_string(i % 100), "v1"));
      return true;
    });
  }
  static Event Of(const std::string& repository, const std::string& tag) {
    Event event;
    event.repository = repository;
    event.tag = tag;
    return event;
  }
  // Steps of the database's machine, as near as it counts them.
  struct Cost {
    std::vector<Seq> found;
    int steps = 0;
  };
  Cost CostOf(const std::string& lane, Seq after, Seq through) {
    return Read([&](Snapshot& s) {
      Cost cost;
      const auto count = [](void* steps) { return ++*static_cast<int*>(steps), 0; };
      sqlite3_progress_handler(s.connection().handle(), 1, count, &cost.steps);
      for (const EventPtr& event : ReadLane(s, lane, after, through, {16}).events) cost.found.push_back(event->seq);
      sqlite3_progress_handler(s.connection().handle(), 0, nullptr, nullptr);
      return cost;
    });
  }
};

TEST_F(LaneReadsTest, CostWhatTheLaneHoldsAndALookAtEachBlock) {
  for (const std::string& lane : {LaneOfRepository("", "lane"), LaneOfTag("", "lane", "v1")}) {
    const Cost all = CostOf(lane, 0, kOthers + 3);
    EXPECT_EQ(all.found, (std::vector<Seq>{1, 2, 3}));
    EXPECT_LT(all.steps, 1'000) << "of 100,000 events, in thirteen blocks";
    const Cost rest = CostOf(lane, 1, 3);
    EXPECT_EQ(rest.found, (std::vector<Seq>{2, 3}));
    EXPECT_LT(rest.steps, 200);
    EXPECT_LT(CostOf(lane, 50'000, kOthers + 3).steps, 600);
  }
}

}  // namespace
}  // namespace portcall::store
