#include "store/subscription.h"

#include <gmock/gmock.h>

#include <future>
#include <latch>

#include "tests/store/contract/engine.h"

namespace portcall::store {
namespace {

using ::testing::ElementsAre;

class SubscriptionTest : public EngineTest {
 protected:
  void SetUp() override { Open(); }
  // Writes down the seqs it hears of.
  static Subscription::Hear Into(std::vector<Seq>& seqs) {
    return [&seqs](const std::vector<EventPtr>& events) {
      for (const EventPtr& event : events) seqs.push_back(event->seq);
    };
  }
};

TEST_P(SubscriptionTest, EachHearsWhatIsAppendedWhileItExists) {
  std::vector<Seq> first, second;
  AppendOne();
  std::optional<Subscription> one = store_->Subscribe(Into(first));
  AppendOne();
  const Subscription two = store_->Subscribe(Into(second));
  AppendOne();
  one.reset();
  AppendOne();
  EXPECT_THAT(first, ElementsAre(2, 3));
  EXPECT_THAT(second, ElementsAre(3, 4));
}

TEST_P(SubscriptionTest, AMovedOneGoesOnAndAnOverwrittenOneEnds) {
  std::vector<Seq> first, second;
  Subscription one = store_->Subscribe(Into(first));
  Subscription two = std::move(one);
  AppendOne();
  two = store_->Subscribe(Into(second));
  AppendOne();
  two = {};
  AppendOne();
  EXPECT_THAT(first, ElementsAre(1));
  EXPECT_THAT(second, ElementsAre(2));
}

TEST_P(SubscriptionTest, ItsEndWaitsForACallUnderWay) {
  std::latch inside(1);
  std::promise<void> go;
  std::atomic<bool> left = false;
  std::optional<Subscription> slow = store_->Subscribe([&](const std::vector<EventPtr>&) {
    inside.count_down();
    go.get_future().wait();
    left = true;
  });
  std::jthread writer([this] { AppendOne(); });
  inside.wait();
  std::promise<bool> ended;
  std::jthread ender([&] {
    slow.reset();
    ended.set_value(left.load());
  });
  go.set_value();
  EXPECT_TRUE(ended.get_future().get());
}

TEST_P(SubscriptionTest, ItMayOutliveItsStore) {
  std::vector<Seq> heard;
  const Subscription late = store_->Subscribe(Into(heard));
  AppendOne();
  store_.reset();
  EXPECT_THAT(heard, ElementsAre(1));
}

FOR_EVERY_ENGINE(SubscriptionTest);

}  // namespace
}  // namespace portcall::store
