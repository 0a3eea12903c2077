#include <gtest/gtest.h>

#include <thread>

#include "tests/broker/broker_world.h"

namespace portcall::broker {
namespace {

// What an operator reads while an endpoint is in trouble.
class BrokerLogTest : public ::testing::Test {
 protected:
  BrokerLogTest() { ::testing::internal::CaptureStderr(); }
  ~BrokerLogTest() override {
    if (!read_) (void)::testing::internal::GetCapturedStderr();
  }
  // Everything that was logged; stops the broker.
  std::string Lines() {
    world_.Stop();
    read_ = true;
    return ::testing::internal::GetCapturedStderr();
  }
  static int Count(const std::string& text, const std::string& part) {
    int count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
  }
  World world_{runtime::Level::kInfo};
  bool read_ = false;
};

TEST_F(BrokerLogTest, AnOutageIsToldFromItsStartToItsEnd) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  auto entry = world_.Entry("hook");
  entry.ignore.actions = {"pull"};
  // Timers do not follow a shifted clock; whatever is appended wakes the endpoint.
  const auto until = [this](const std::function<bool()>& condition) {
    return world_.Eventually([&] {
      world_.Append("repo", 1, store::Action::kPull);
      return condition();
    });
  };
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo", 50);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").breaker == BreakerState::kOpen; }));
  world_.clock().Advance(std::chrono::seconds(65));
  ASSERT_TRUE(until([&] { return world_.StatusOf("hook").failures >= 12; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(700));  // the half second between two looks
  world_.receiver("hook").Set(nullptr);
  ASSERT_TRUE(until([&] { return world_.receiver("hook").accepted().size() == 50; }));
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "endpoint started failing"), 1) << lines;
  EXPECT_EQ(Count(lines, "endpoint is down, probing it from time to time"), 1) << lines;
  EXPECT_EQ(Count(lines, "endpoint keeps failing"), 1) << lines;
  EXPECT_EQ(Count(lines, "endpoint recovered"), 1) << lines;
  EXPECT_EQ(Count(lines, "pending=50"), 2) << lines;  // when it opened, and in the summary
  EXPECT_EQ(Count(lines, "pending=49"), 1) << lines;  // at the first success
  EXPECT_NE(lines.find("error=\"answered 503\""), std::string::npos) << lines;
  EXPECT_NE(lines.find("after=6"), std::string::npos) << lines;  // 65 s and a little
  EXPECT_EQ(lines.find("secret"), std::string::npos);
}

TEST_F(BrokerLogTest, DeadLettersAreNamedUpToABound) {
  auto entry = world_.Entry("hook");
  entry.max_retries = 0;
  entry.threshold = 1'000;
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  ASSERT_TRUE(world_.Start({entry}));
  world_.tag = "v1";
  for (int i = 0; i < 30; ++i) world_.Append("repo" + std::to_string(i));
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 30; }));
  world_.clock().Advance(std::chrono::seconds(61));
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "event dead-lettered"), 20) << lines;
  EXPECT_EQ(Count(lines, "reason=maxretries"), 20) << lines;
  EXPECT_EQ(Count(lines, "attempts=1"), 20) << lines;
  EXPECT_EQ(Count(lines, "action=push"), 20) << lines;
  EXPECT_EQ(Count(lines, "kind=manifest"), 20) << lines;
  EXPECT_EQ(Count(lines, "repository=repo"), 20) << lines;
  EXPECT_EQ(Count(lines, "tag=v1"), 20) << lines;
  EXPECT_EQ(Count(lines, "dead_untold=10"), 1) << lines;
}

TEST_F(BrokerLogTest, APauseSaysHowToEndIt) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(410); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 3);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").paused; }));
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "endpoint paused: it answered that it is gone; resume it by name, or change its entry"), 1)
      << lines;
}

TEST_F(BrokerLogTest, ADeadLetterWithoutATagIsNamedByItsDigest) {
  auto entry = world_.Entry("hook");
  entry.max_retries = 0;
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  ASSERT_TRUE(world_.Start({entry}));
  world_.digest = "sha256:abc";
  world_.Append("repo");
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "digest=\"sha256:abc\""), 1) << lines;
  EXPECT_EQ(Count(lines, "tag="), 0) << lines;
}

TEST_F(BrokerLogTest, AStoredPauseIsToldAtEachStart) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(410); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 3);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").paused; }));
  world_.Stop();
  ASSERT_TRUE(world_.Start({world_.Entry("hook"), world_.Entry("other")}));
  const std::string lines = Lines();
  EXPECT_EQ(
      Count(lines, "still paused: it answered that it is gone; resume it by name, or change its entry\" endpoint=hook"),
      1)
      << lines;
  EXPECT_EQ(Count(lines, "still paused"), 1) << lines;
  EXPECT_EQ(Count(lines, "reason=\"answered 410\""), 2) << lines;  // when it was paused, and at the start
}

TEST_F(BrokerLogTest, AChangedEntryThatDeliversEndsTheOutage) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  auto entry = world_.Entry("hook"), well = world_.Entry("well");
  ASSERT_TRUE(world_.Start({entry, well}));
  world_.Append("repo", 50);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").breaker == BreakerState::kOpen; }));
  ASSERT_TRUE(world_.receiver("well").Await(50));
  world_.receiver("hook").Set(nullptr);
  entry.url = well.url = "http://elsewhere";
  entry.fingerprint = well.fingerprint = "changed";
  ASSERT_TRUE(world_.Apply({entry, well}));
  ASSERT_TRUE(world_.receiver("hook").Await(50));
  world_.Append("repo");
  ASSERT_TRUE(world_.receiver("well").Await(51));
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "endpoint recovered with its changed entry\" endpoint=hook pending="), 1) << lines;
  EXPECT_EQ(Count(lines, "recovered"), 1) << lines;
}

TEST_F(BrokerLogTest, AChangedEntryThatFailsAsWellIsTrouble) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  auto entry = world_.Entry("hook");
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo", 3);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").failures > 0; }));
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(502); });
  entry.url = "http://elsewhere";
  entry.fingerprint = "changed";
  ASSERT_TRUE(world_.Apply({entry}));
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").reason == "answered 502"; }));
  world_.receiver("hook").Set(nullptr);
  ASSERT_TRUE(world_.receiver("hook").Await(3));
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "endpoint started failing"), 2) << lines;
  EXPECT_EQ(Count(lines, "recovered"), 1) << lines;
  EXPECT_EQ(Count(lines, "with its changed entry"), 0) << lines;
}

TEST_F(BrokerLogTest, ExpiryNamesTheRange) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(410); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 1'000);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").paused; }));
  world_.events.max_bytes = static_cast<std::uint64_t>(world_.Size().bytes / 2);
  ASSERT_TRUE(world_.Apply({world_.Entry("hook")}));
  ASSERT_TRUE(world_.Eventually([&] { return !world_.Dead("hook").empty(); }));
  const auto dead = world_.Dead("hook");
  const std::string lines = Lines();
  const std::string to = std::to_string(dead[0].through);
  EXPECT_EQ(Count(lines, "events expired undelivered: the event log has reached events.maxsize"), 1) << lines;
  EXPECT_NE(lines.find("from=1"), std::string::npos) << lines;
  EXPECT_NE(lines.find("to=" + to), std::string::npos) << lines;
}

}  // namespace
}  // namespace portcall::broker
