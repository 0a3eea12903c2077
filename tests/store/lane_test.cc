#include "store/lane.h"

#include <gtest/gtest.h>

namespace portcall::store {
namespace {

Event EventOf(const std::string& source, const std::string& repository, const std::string& tag) {
  Event event;
  event.seq = 12;
  event.source = source;
  event.repository = repository;
  event.tag = tag;
  return event;
}

TEST(LaneName, IsWhatWasStoredAlways) {
  EXPECT_EQ(LaneOfRepository("", "team/app"), "\nteam/app");
  EXPECT_EQ(LaneOfRepository("relay", "team/app"), "relay\nteam/app");
  EXPECT_EQ(LaneOfTag("relay", "team/app", "v1"), "relay\nteam/app:v1");
  EXPECT_EQ(LaneOfTag("", "team/app", ""), "\nteam/app:");
  EXPECT_EQ(LaneOfAll(), "*");
  EXPECT_EQ(LaneOfOne(12), "#12");
}

TEST(LaneName, TellsWhichEventsItMeans) {
  const Event event = EventOf("relay", "team/app", "v1");
  for (const std::string& mine :
       {LaneOfRepository("relay", "team/app"), LaneOfTag("relay", "team/app", "v1"), LaneOfAll(), LaneOfOne(12)}) {
    EXPECT_TRUE(LaneKey::Parse(mine).Holds(event)) << mine;
  }
  for (const std::string& other :
       {LaneOfRepository("", "team/app"), LaneOfRepository("relay", "team/other"), LaneOfTag("relay", "team/app", "v2"),
        LaneOfTag("relay", "team/app", ""), LaneOfOne(13)}) {
    EXPECT_FALSE(LaneKey::Parse(other).Holds(event)) << other;
  }
}

TEST(LaneName, ComesApartAgain) {
  const std::string name = LaneOfTag("a\nb", "team/app", "v1");  // a relay's name may hold anything
  const LaneKey key = LaneKey::Parse(name);
  EXPECT_EQ(key.kind, LaneKey::Kind::kTag);
  EXPECT_EQ(key.source, "a\nb");
  EXPECT_EQ(key.repository, "team/app");
  EXPECT_EQ(key.tag, "v1");
}

}  // namespace
}  // namespace portcall::store
