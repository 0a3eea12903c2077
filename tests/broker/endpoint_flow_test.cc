#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/broker/simulation.h"

// Who may be sent to, and who waits for whom.
namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

config::Endpoint Entry() {
  config::Endpoint endpoint;
  endpoint.name = "hook";
  endpoint.url = "http://receiver";
  return endpoint;
}

Outcome Answer(Verdict verdict, int status) {
  Outcome outcome;
  outcome.verdict = verdict;
  outcome.status = status;
  return outcome;
}

// A rollout's pulls of one image, and a push of another behind them.
TEST(EndpointFlow, OneBusyRepositoryDelaysNoOther) {
  Simulation world(Entry(), 1);
  world.latency = 50 * kMillisecond;
  for (int i = 0; i < 6'000; ++i) world.Append("busy", store::Action::kPull);
  world.Append("other");
  world.RunFor(2 * kSecond);
  EXPECT_TRUE(world.accepted.contains(6'001)) << "after " << world.accepted.size() << " others";
  world.latency = kMillisecond;
  EXPECT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointFlow, NorDoesOneWithLargeEvents) {
  Simulation world(Entry(), 2);
  world.latency = 50 * kMillisecond;
  world.details = std::string(100'000, 'x');
  for (int i = 0; i < 200; ++i) world.Append("busy", store::Action::kPull);
  world.details.clear();
  world.Append("other");
  world.RunFor(2 * kSecond);
  EXPECT_TRUE(world.accepted.contains(201)) << "after " << world.accepted.size() << " others";
  world.latency = kMillisecond;
  EXPECT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// Who refuses half of what it gets is neither starved nor left alone.
TEST(EndpointFlow, AnEndpointThatFailsAtRandomIsSentToAllTheTime) {
  config::Endpoint endpoint = Entry();
  endpoint.threshold = 5;
  Simulation world(endpoint, 4);
  Chance chance(5);
  world.receiver = [&chance](const store::Event&, Moment) {
    return chance.Unit() < 0.5 ? Answer(Verdict::kFailed, 503) : Answer(Verdict::kDelivered, 200);
  };
  for (int i = 0; i < 20'000; ++i) world.Append("r" + std::to_string(i % 1'000));
  world.RunFor(5 * kSecond);
  EXPECT_GT(world.accepted.size(), 3'500u);
  EXPECT_LE(std::ranges::count(world.notes, Note::Kind::kOpened, &Note::kind), 1);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// However long it was away, and with how few repositories: each was a probe many times.
TEST(EndpointFlow, AnEndpointThatIsBackHasEverythingWithinHalfAMinute) {
  for (const int repositories : {1, 10, 500}) {
    Simulation world(Entry(), 5);
    bool up = false;
    world.receiver = [&up](const store::Event&, Moment) {
      return up ? Answer(Verdict::kDelivered, 200) : Answer(Verdict::kFailed, 503);
    };
    for (int i = 0; i < 1'000; ++i) world.Append("r" + std::to_string(i % repositories));
    world.RunFor(3'600 * kSecond);
    up = true;
    world.RunFor(31 * kSecond);  // and a second for a thousand of one repository, one after another
    EXPECT_EQ(world.accepted.size(), 1'000u) << "of " << repositories << " repositories";
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// Attempts that are announced on disk before they leave, while an answer says that nothing may be sent.
class AnnouncedTest : public ::testing::Test {
 protected:
  static config::Endpoint Careful() {
    config::Endpoint endpoint = Entry();
    endpoint.retry_on_timeout = false;
    return endpoint;
  }
  // The first event is answered while those of ten other repositories are being announced.
  void AnswerWhileOthersAreAnnounced(const Outcome& outcome) {
    bool first = true;
    world_.receiver = [first, outcome](const store::Event&, Moment) mutable {
      return std::exchange(first, false) ? outcome : Answer(Verdict::kDelivered, 200);
    };
    world_.flush_latency = kMillisecond;
    world_.latency = 100 * kMillisecond;
    world_.Append("first");
    while (world_.sent_at.empty()) world_.RunFor(kMillisecond);
    world_.flush_latency = 2 * kSecond;
    for (int i = 0; i < 10; ++i) world_.Append("r" + std::to_string(i));
    world_.RunFor(10 * kSecond);
    world_.flush_latency = world_.latency = kMillisecond;
    world_.RunFor(2 * kSecond);
  }
  Simulation world_{Careful(), 3};
};

TEST_F(AnnouncedTest, NothingLeavesBeforeRetryAfter) {
  Outcome busy = Answer(Verdict::kFailed, 429);
  busy.retry_after = std::chrono::seconds(60);
  AnswerWhileOthersAreAnnounced(busy);
  EXPECT_EQ(world_.sent_at.size(), 1u);
  EXPECT_EQ(world_.core().in_flight(), 0);
  EXPECT_TRUE(world_.RunUntilIdle(120 * kSecond));
  EXPECT_EQ(world_.accepted.size(), 11u);
  EXPECT_TRUE(world_.dead.empty());
}

TEST_F(AnnouncedTest, APauseLeavesNoRowThatSaysStarted) {
  AnswerWhileOthersAreAnnounced(Answer(Verdict::kGone, 410));
  EXPECT_EQ(world_.sent_at.size(), 1u);
  EXPECT_EQ(world_.core().in_flight(), 0);
  EXPECT_TRUE(std::ranges::none_of(world_.rows, [](const auto& row) { return row.second.reason == "started"; }));
  EXPECT_EQ(world_.core().pending(), 11);
}

}  // namespace
}  // namespace portcall::broker
