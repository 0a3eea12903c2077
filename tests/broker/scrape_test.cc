#include <gtest/gtest.h>

#include "tests/broker/broker_world.h"

namespace portcall::broker {
namespace {

class ScrapeTest : public ::testing::Test {
 protected:
  double Gauge(const std::string& name) const {  // of the endpoint "hook"
    const std::string text = world_.Metrics(), series = "\n" + name + "{endpoint=\"hook\"} ";
    const auto at = text.find(series);
    return at == std::string::npos ? -1.0 : std::stod(text.substr(at + series.size()));
  }
  World world_;
};

TEST_F(ScrapeTest, AScrapeThatFollowsAPushShowsItPending) {
  world_.receiver("hook").Hold(true);
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  for (int events = 1; events <= 20; ++events) {
    world_.Append("repo");
    world_.broker().Show();
    ASSERT_EQ(Gauge("registry_notifications_pending"), events);
  }
}

// Events are counted back from the log where the ring has lost them: a look waits for that, too.
TEST_F(ScrapeTest, AScrapeThatFollowsAStartShowsABacklogThatWasNeverCounted) {
  auto entry = world_.Entry("hook");
  entry.from = "earliest";
  world_.details = std::string(10'000, 'x');
  for (int i = 0; i < 5; ++i) world_.Append("repo", 500);
  world_.receiver("hook").Hold(true);
  ASSERT_TRUE(world_.Start({entry}));
  world_.broker().Show();
  EXPECT_EQ(Gauge("registry_notifications_pending"), 2'500);
}

}  // namespace
}  // namespace portcall::broker
