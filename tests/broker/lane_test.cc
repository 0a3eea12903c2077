#include "broker/core/lane.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

store::Event Make(const std::string& source, const std::string& repository, store::Seq seq = 1) {
  store::Event event;
  event.seq = seq;
  event.source = source;
  event.repository = repository;
  return event;
}

TEST(Lane, IsNamedByTheOrder) {
  const store::Event event = Make("relay", "team/app", 7);
  EXPECT_EQ(LaneOf(event, Laning::kRepository), "relay\nteam/app");
  EXPECT_EQ(LaneOf(event, Laning::kStrict), "*");
  EXPECT_EQ(LaneOf(event, Laning::kNone), "#7");
}

TEST(Lanes, TheSameRepositoryOfTwoSourcesIsTwoLanes) {
  Lanes lanes(Laning::kRepository);
  Lane& ours = lanes.Of(Make("", "app"));
  EXPECT_EQ(&lanes.Of(Make("", "app")), &ours);
  EXPECT_NE(&lanes.Of(Make("relay", "app")), &ours);
  EXPECT_EQ(&lanes.Named("\napp"), &ours);
  EXPECT_EQ(&lanes.Named("relay\napp"), &lanes.Of(Make("relay", "app")));
  EXPECT_EQ(lanes.size(), 2u);
}

TEST(Lanes, StoredNamesTellWhatTheyAre) {
  Lanes lanes(Laning::kRepository);
  EXPECT_EQ(lanes.Named("*").kind, LaneKey::Kind::kStrict);
  EXPECT_EQ(lanes.Named("#12").kind, LaneKey::Kind::kSingle);
  EXPECT_EQ(lanes.Named("\n#12").kind, LaneKey::Kind::kRepository);
}

TEST(Lane, GivesItsEventsInOrder) {
  Lane lane;
  for (store::Seq seq = 1; seq <= 300; ++seq) {
    auto event = std::make_shared<store::Event>();
    event->seq = seq;
    lane.Push({.event = event});
  }
  for (store::Seq seq = 1; seq <= 300; ++seq) {
    ASSERT_EQ(lane.front().event->seq, seq);
    EXPECT_EQ(lane.Pop().event->seq, seq);
    EXPECT_EQ(lane.size(), static_cast<std::size_t>(300 - seq));
  }
}

}  // namespace
}  // namespace portcall::broker
