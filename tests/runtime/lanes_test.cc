#include "runtime/lanes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace portcall::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kForever = std::chrono::steady_clock::time_point::max();

// Holds whoever waits for it until it is opened, or goes.
class Barrier {
 public:
  ~Barrier() { Open(); }
  void Open() {
    if (!std::exchange(open_, true)) promise_.set_value();
  }
  auto Wait() const {
    return [until = until_] { until.wait(); };
  }

 private:
  bool open_ = false;
  std::promise<void> promise_;
  std::shared_future<void> until_ = promise_.get_future().share();
};

std::shared_ptr<Lane> Of(Lanes& lanes, const std::string& name) { return *lanes.Of(name); }

TEST(LanesTest, JobsOfOneNameRunOneAfterAnotherInTheOrderInWhichTheyCame) {
  Lanes lanes;
  std::vector<int> order;  // without a lock, for the sanitizers
  for (int i = 0; i < 100; ++i) Of(lanes, "folder")->Post([&order, i] { order.push_back(i); });
  EXPECT_THAT(lanes.Await(kForever), IsEmpty());
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(LanesTest, OneThatIsStuckDelaysNoOther) {
  Lanes lanes;
  std::vector<std::shared_ptr<Lane>> stuck;
  Barrier barrier;
  for (int i = 0; i < 20; ++i) {
    stuck.push_back(Of(lanes, "stuck " + std::to_string(i)));
    stuck.back()->Post(barrier.Wait());
  }
  std::promise<void> ran;
  Of(lanes, "well")->Post([&ran] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(30s), std::future_status::ready);
}

TEST(LanesTest, AnotherHolderOfTheNameWaitsForTheJobThatIsStuck) {
  Lanes lanes;
  Barrier barrier;
  std::atomic<bool> ran = false;
  Of(lanes, "folder")->Post(barrier.Wait());  // nobody holds this lane but its job
  auto again = Of(lanes, "folder");
  again->Post([&ran] { ran = true; });
  EXPECT_THAT(lanes.Await(std::chrono::steady_clock::now() + 50ms), ElementsAre("folder"));
  EXPECT_FALSE(ran);
  barrier.Open();
  EXPECT_THAT(lanes.Await(kForever), IsEmpty());
  EXPECT_TRUE(ran);
}

TEST(LanesTest, AJobMayBeTheLastToHoldWhatItBelongsTo) {
  Lanes lanes;
  auto lane = Of(lanes, "folder");
  std::weak_ptr<Lane> weak = lane;
  auto owner = std::make_shared<std::shared_ptr<Lane>>(std::move(lane));
  (*owner)->Post([owner]() mutable { owner.reset(); });
  owner.reset();
  EXPECT_THAT(lanes.Await(kForever), IsEmpty());
  EXPECT_TRUE(weak.expired());
}

TEST(LanesTest, TheEndLetsJobsFinishAndDestroysWhatComesLater) {
  std::shared_ptr<Lane> kept;
  std::atomic<int> ran = 0;
  auto token = std::make_shared<int>();
  {
    Lanes lanes;
    kept = Of(lanes, "folder");
    for (int i = 0; i < 10; ++i) kept->Post([&ran] { ++ran; });
  }
  EXPECT_EQ(ran, 10);
  kept->Post([&ran, token] { ++ran; });
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(ran, 10);
}

}  // namespace
}  // namespace portcall::runtime
