#include "sinks/shared_bodies.h"

#include <gtest/gtest.h>

#include <string>

namespace portcall::sinks {
namespace {

class SharedBodiesTest : public ::testing::Test {
 protected:
  static store::EventPtr EventOf(std::size_t bytes) {
    store::Event event;
    event.details = std::string(bytes, 'x');
    return std::make_shared<const store::Event>(std::move(event));
  }
  std::shared_ptr<const Encoded> Of(const store::EventPtr& event, const std::string& shape) {
    return bodies_.Of(event, shape, [&] {
      ++encoded_;
      Encoded made{shape + event->details, "X: " + shape};
      made.body.reserve(4 * made.body.size());
      return made;
    });
  }
  SharedBodies bodies_;
  int encoded_ = 0;
};

TEST_F(SharedBodiesTest, ALargeEventHasOneBodyOfEachShapeWhileItIsSent) {
  const auto event = EventOf(1 << 20);
  const auto first = Of(event, "a"), second = Of(event, "a"), other = Of(event, "b");
  EXPECT_EQ(first, second);
  EXPECT_EQ(first->body, "a" + event->details);
  EXPECT_EQ(first->fields, "X: a");
  EXPECT_EQ(other->body, "b" + event->details);
  EXPECT_EQ(encoded_, 2);
  EXPECT_LT(first->body.capacity(), 5u << 18);  // what was reserved is given back
}

TEST_F(SharedBodiesTest, AnotherEventHasAnother) {
  const auto first = EventOf(1 << 20), second = EventOf(1 << 20);
  const auto body = Of(first, "a"), other = Of(second, "a");
  EXPECT_NE(body, other);
}

TEST_F(SharedBodiesTest, NothingIsKeptOnceItIsSent) {
  auto event = EventOf(1 << 20);
  const std::weak_ptr<const store::Event> held = event;
  std::weak_ptr<const Encoded> body = Of(event, "a");
  EXPECT_TRUE(body.expired());
  event.reset();
  EXPECT_TRUE(held.expired());
}

TEST_F(SharedBodiesTest, SmallOnesAreNotLookedFor) {
  const auto event = EventOf(100);
  const auto first = Of(event, "a"), second = Of(event, "a");
  EXPECT_NE(first, second);
  EXPECT_EQ(first->body, second->body);
}

}  // namespace
}  // namespace portcall::sinks
