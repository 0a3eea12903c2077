#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "tests/broker/broker_world.h"
#include "tests/store/hold.h"

namespace portcall::broker {
namespace {

using namespace std::chrono_literals;

class LimitsTest : public ::testing::Test {
 protected:
  std::vector<config::Endpoint> Entries(int number) {
    std::vector<config::Endpoint> all;
    for (int i = 0; i < number; ++i) {
      all.push_back(world_.Entry("hook" + std::to_string(i)));
      all.back().url = "http://receiver.example.com/";
      all.back().concurrency = 64;
      world_.receiver(all.back().name).Hold(true);
    }
    return all;
  }
  std::int64_t InFlight(const std::string& name) { return world_.StatusOf(name).in_flight; }
  World world_;
};

TEST_F(LimitsTest, EndpointsShareTheConnectionsThatThereAre) {
  world_.connections = 20;
  auto entries = Entries(4);
  entries[3].url.clear();  // as an audit log, which opens none
  ASSERT_TRUE(world_.Start(entries));
  for (int i = 0; i < 200; ++i) world_.Append("repo" + std::to_string(i));
  EXPECT_TRUE(world_.Eventually([&] { return InFlight("hook3") == 64; }));
  EXPECT_EQ(InFlight("hook0"), 6);
  for (const char* name : {"hook1", "hook2"}) EXPECT_EQ(InFlight(name), 7);

  // Who goes leaves its part to the others.
  entries.erase(entries.begin() + 1);
  ASSERT_TRUE(world_.Apply(entries));
  EXPECT_TRUE(world_.Eventually([&] { return InFlight("hook0") == 10 && InFlight("hook2") == 10; }));
  EXPECT_EQ(InFlight("hook3"), 64);

  // Who gets less begins no more until it is below its new part, and delivers everything.
  auto more = Entries(6);
  more[3].url.clear();
  ASSERT_TRUE(world_.Apply(more));
  for (int i = 0; i < 6; ++i) world_.receiver("hook" + std::to_string(i)).Hold(false);
  for (const char* name : {"hook0", "hook2", "hook3"}) EXPECT_TRUE(world_.receiver(name).Await(200)) << name;
}

// Before it stops what runs, a reload asks the disk for an answer.
TEST_F(LimitsTest, AReloadIsRefusedWhereTheDatabaseDoesNotAnswer) {
  auto entries = Entries(1);
  ASSERT_TRUE(world_.Start(entries));
  for (int i = 0; i < 3; ++i) world_.Append("repo" + std::to_string(i));
  ASSERT_TRUE(world_.Eventually([&] { return InFlight("hook0") == 3; }));
  store::Hold hold(world_.store());
  entries[0].fingerprint = "changed";
  for (int i = 0; i < 2; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    const Result<void> applied = world_.Apply(entries);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, Errc::kTimeout);
  }
  EXPECT_EQ(InFlight("hook0"), 3) << "it goes on as it was";
  world_.receiver("hook0").Hold(false);
  EXPECT_TRUE(world_.receiver("hook0").Await(3));
  hold.Release();
  EXPECT_TRUE(world_.Apply(entries));
  world_.Append("repo");
  EXPECT_TRUE(world_.receiver("hook0").Await(4));
}

}  // namespace
}  // namespace portcall::broker
