#include "app/server/descriptor_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portcall::app {
namespace {

using ::testing::HasSubstr;

TEST(DescriptorPlan, LeavesDescriptorsForTheRest) {
  EXPECT_EQ(PlanDescriptors(1'048'576, 60, 320).connections, 10'000u);
  EXPECT_FALSE(PlanDescriptors(1'048'576, 60, 320).tight());
  EXPECT_EQ(PlanDescriptors(1'024, 60, 32).connections, 370u);
  EXPECT_TRUE(PlanDescriptors(1'024, 60, 32).tight());
  EXPECT_EQ(PlanDescriptors(256, 60, 32).connections, 42u);
  EXPECT_EQ(PlanDescriptors(64, 60, 32).connections, 8u) << "a few, whatever happens";
  for (const std::uint64_t attempts : {0u, 32u, 2'048u}) {
    for (std::uint64_t limit = 256; limit < 100'000; limit += 111) {
      const DescriptorPlan plan = PlanDescriptors(limit, 60, attempts);
      EXPECT_LE(2 * plan.connections + plan.open_uploads + plan.deliveries + 60 + 64, limit) << limit;
      EXPECT_TRUE(plan.deliveries == attempts || plan.deliveries == limit / 4);
      EXPECT_LE(2 * plan.connections + plan.open_uploads + static_cast<std::uint64_t>(plan.attempts) + 60 + 64,
                limit + 1)
          << limit;
      EXPECT_GE(static_cast<std::uint64_t>(plan.attempts), plan.deliveries);
    }
  }
}

TEST(DescriptorPlan, CountsWhatEndpointsMayHaveUnderWay) {
  config::Config config;
  config.endpoints.resize(4);
  for (config::Endpoint& endpoint : config.endpoints) endpoint.url = "http://receiver.example.com/";
  config.endpoints[1].concurrency = 100;
  config.endpoints[2].disabled = true;
  config.endpoints[3].url.clear();  // as an audit log
  EXPECT_EQ(AttemptsAtOnce(config), 132u);
}

TEST(DescriptorPlan, IsTold) {
  EXPECT_THAT(Told(PlanDescriptors(1'024, 60, 32), 1'024),
              HasSubstr("at most 370 connections at once, for 1024 file descriptors"));
}

}  // namespace
}  // namespace portcall::app
