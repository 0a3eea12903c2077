#include <gtest/gtest.h>

#include <algorithm>

#include "tests/broker/simulation.h"

namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

config::Endpoint Entry() {
  config::Endpoint endpoint;
  endpoint.name = "stream";
  return endpoint;
}

sinks::Capacity Pipeline(std::size_t window = 5'000) {
  sinks::Capacity capacity;
  capacity.window = window;
  capacity.window_bytes = 16 << 20;
  capacity.pipelines_lanes = true;
  return capacity;
}

Outcome Answer(Verdict verdict, const std::string& error = "") {
  Outcome outcome;
  outcome.verdict = verdict;
  outcome.error = error;
  return outcome;
}

// A core whose attempts the test ends itself, in the order it likes.
class Pipe {
 public:
  explicit Pipe(config::Endpoint endpoint = Entry(), std::size_t window = 5'000) : Pipe(endpoint, Pipeline(window)) {}
  Pipe(const config::Endpoint& endpoint, const sinks::Capacity& capacity)
      : core_(endpoint, capacity, {}, {}, "", Now(), 1) {}

  void Append(const std::string& repository, int count) {
    std::vector<store::EventPtr> events;
    for (int i = 0; i < count; ++i) {
      auto event = std::make_shared<store::Event>();
      event->seq = ++head_;
      event->id = "id-" + std::to_string(head_);
      event->repository = repository;
      events.push_back(event);
      log_.push_back(std::move(event));
    }
    core_.Counted(count, head_, Now());
    core_.Grown(head_);
    core_.Scan(events, head_, Now());
    Claim();
  }
  void Claim() {
    while (const auto read = core_.NextLaneRead(Now())) core_.OnLane(*read, {log_, read->through}, Now());
    Attempt attempt;
    while (core_.Claim(Now(), attempt)) flying_[attempt.event->seq] = attempt;
  }
  void End(store::Seq seq, Outcome outcome = Answer(Verdict::kDelivered)) {
    core_.OnOutcome(flying_.extract(seq).mapped(), outcome, Now());
  }
  std::vector<store::Seq> flying() const {
    std::vector<store::Seq> seqs;
    for (const auto& [seq, attempt] : flying_) seqs.push_back(seq);
    return seqs;
  }
  // Those that wait to be set aside; claims what can be.
  std::vector<store::Seq> asides() {
    Claim();
    std::vector<store::Seq> seqs;
    for (const auto& [seq, attempt] : flying_) {
      if (attempt.refusal) seqs.push_back(seq);
    }
    return seqs;
  }
  store::Settlement Flush() {
    now_ += kSecond;
    auto settlement = core_.TakeSettlement(Now());
    if (settlement) core_.Flushed();
    return settlement.value_or(store::Settlement{});
  }
  Moment Now() const { return {now_, now_}; }
  EndpointCore& core() { return core_; }

 private:
  Ticks now_ = kSecond;
  store::Seq head_ = 0;
  std::vector<store::EventPtr> log_;  // of one lane, where lanes are read
  EndpointCore core_;
  std::map<store::Seq, Attempt> flying_;
};

TEST(EndpointPipeline, SendsManyEventsOfALaneWithoutWaiting) {
  Pipe pipe;
  pipe.Append("app", 100);
  EXPECT_EQ(pipe.flying().size(), 100u);
  pipe.Append("app", 1);
  EXPECT_EQ(pipe.flying().size(), 101u);
  EXPECT_EQ(pipe.core().window(), 5'000);
}

TEST(EndpointPipeline, SettlesInTheOrderOfTheLane) {
  Pipe pipe;
  pipe.Append("app", 4);
  pipe.End(2);
  pipe.End(3);
  EXPECT_EQ(pipe.core().settled_through(), 0);
  pipe.End(1);
  EXPECT_EQ(pipe.core().settled_through(), 3);
  pipe.End(4);
  EXPECT_EQ(pipe.Flush().settled_through, 4);
  EXPECT_EQ(pipe.core().slots() + pipe.core().parked(), 0u);
  EXPECT_EQ(pipe.core().in_flight(), 0);
}

TEST(EndpointPipeline, WhatIsStoppedIsSettledAtOnceAndQuietThen) {
  Pipe pipe(Entry(), 2);
  pipe.Append("first", 2);
  pipe.Append("app", 2);
  pipe.Append("other", 1);
  pipe.End(1);
  pipe.End(2);
  pipe.Claim();
  ASSERT_EQ(pipe.flying(), (std::vector<store::Seq>{3, 5}));
  pipe.core().Stop(true);
  pipe.End(3);
  pipe.End(5);
  EXPECT_EQ(pipe.Flush().settled_through, 5);
  EXPECT_EQ(pipe.core().Wake(pipe.Now()), kNever);
  EXPECT_EQ(pipe.core().pending(), 1);
}

TEST(EndpointPipeline, NoMoreAreSentWhileAnyOfThoseInFlightHasFailed) {
  auto entry = Entry();
  entry.max_retries = 0;
  Pipe pipe(entry);
  pipe.Append("app", 4);
  pipe.End(2, Answer(Verdict::kFailed, "first"));
  pipe.End(4, Answer(Verdict::kFailed, "second"));
  pipe.End(1);  // so that the first failed one dies
  pipe.Append("app", 1);
  EXPECT_EQ(pipe.flying(), std::vector<store::Seq>{3});
  pipe.End(3);
  pipe.Claim();
  EXPECT_EQ(pipe.flying(), std::vector<store::Seq>{5});
}

TEST(EndpointPipeline, AFailedFrontWaitsForWhatIsInFlightAndThenParks) {
  Pipe pipe;
  pipe.Append("app", 3);
  pipe.Append("other", 1);
  pipe.End(1, Answer(Verdict::kFailed, "fatal"));
  pipe.Append("app", 5);
  EXPECT_EQ(pipe.flying(), (std::vector<store::Seq>{2, 3, 4}));  // no more of that lane
  pipe.End(2);
  pipe.End(4);
  const store::Settlement before = pipe.Flush();
  EXPECT_EQ(before.settled_through, 9);  // the lane holds back nobody
  EXPECT_EQ(pipe.core().pending(), 8);
  pipe.End(3);
  const store::Settlement parked = pipe.Flush();
  ASSERT_EQ(parked.park.size(), 1u);
  EXPECT_EQ(parked.park.front().next_seq, 1);
  EXPECT_EQ(parked.park.front().attempts, 1);
  EXPECT_EQ(parked.park.front().reason, "fatal");
  EXPECT_EQ(pipe.core().held(), 0u);
  EXPECT_EQ(pipe.core().bytes(), 0u);
}

TEST(EndpointPipeline, ASettlementCarriesTheNewestReceiptOnce) {
  Pipe pipe;
  pipe.Append("app", 3);
  Outcome delivered = Answer(Verdict::kDelivered);
  delivered.receipt = "one";
  pipe.End(1, delivered);
  delivered.receipt = "two";
  pipe.End(2, delivered);
  EXPECT_EQ(pipe.Flush().receipt, "two");
  pipe.End(3);
  EXPECT_EQ(pipe.Flush().receipt, "");
}

TEST(EndpointPipeline, AnEarlyFailureIsJudgedWhenItsTurnComes) {
  Pipe pipe;
  pipe.Append("app", 4);
  pipe.End(3, Answer(Verdict::kFailed, "late"));
  EXPECT_FALSE(pipe.core().pace().failing());
  pipe.Append("app", 1);
  EXPECT_EQ(pipe.flying(), (std::vector<store::Seq>{1, 2, 4}));
  pipe.End(1);
  pipe.End(2);
  EXPECT_TRUE(pipe.core().pace().failing());
  pipe.End(4);
  const store::Settlement settlement = pipe.Flush();
  ASSERT_EQ(settlement.park.size(), 1u);
  EXPECT_EQ(settlement.park.front().next_seq, 3);
}

TEST(EndpointPipeline, WhatNoRepetitionCanHelpDiesAtOnceAndHoldsNothing) {
  Pipe pipe;
  pipe.Append("app", 4);
  pipe.End(2, Answer(Verdict::kUndeliverable, "message too large"));
  pipe.End(1);
  pipe.End(3);
  pipe.Append("app", 1);
  EXPECT_EQ(pipe.flying(), (std::vector<store::Seq>{4, 5}));
  const store::Settlement settlement = pipe.Flush();
  ASSERT_EQ(settlement.dead.size(), 1u);
  EXPECT_EQ(settlement.dead.front().event.seq, 2);
  EXPECT_EQ(settlement.dead.front().reason, "undeliverable: message too large");
  EXPECT_EQ(settlement.dead.front().attempts, 1);
  EXPECT_EQ(settlement.settled_through, 3);
}

using Seqs = std::vector<store::Seq>;

sinks::Capacity WithPlaceForTheDead() {
  sinks::Capacity capacity = Pipeline();
  capacity.sets_aside = true;
  return capacity;
}

TEST(EndpointPipeline, WhatIsGivenUpIsSetAsideOnceAndOnlyThenDead) {
  Pipe pipe(Entry(), WithPlaceForTheDead());
  pipe.Append("app", 4);
  pipe.End(2, Answer(Verdict::kUndeliverable, "message too large"));
  EXPECT_EQ(pipe.asides(), Seqs{}) << "the one before it may still fail";
  pipe.End(1);
  EXPECT_EQ(pipe.asides(), Seqs{2});
  pipe.End(3);
  EXPECT_TRUE(pipe.Flush().dead.empty());
  EXPECT_EQ(pipe.core().settled(), 1);
  pipe.End(2);
  EXPECT_EQ(pipe.asides(), Seqs{});
  pipe.Append("app", 1);
  EXPECT_EQ(pipe.flying(), (Seqs{4, 5}));
  const store::Settlement settlement = pipe.Flush();
  ASSERT_EQ(settlement.dead.size(), 1u);
  EXPECT_EQ(settlement.dead.front().event.seq, 2);
  EXPECT_EQ(settlement.dead.front().reason, "undeliverable: message too large");
  EXPECT_EQ(settlement.dead.front().attempts, 1);
  EXPECT_EQ(pipe.core().settled(), 3);
}

TEST(EndpointPipeline, WhatCannotBeSetAsideNowWaitsAndSaysSoAfterwards) {
  Pipe pipe(Entry(), WithPlaceForTheDead());
  pipe.Append("app", 2);
  pipe.End(1, Answer(Verdict::kUndeliverable, "message too large"));
  ASSERT_EQ(pipe.asides(), Seqs{1});
  pipe.End(1, Answer(Verdict::kFailed, "the producer failed"));
  pipe.End(2, Answer(Verdict::kFailed, "behind"));
  const store::Settlement parked = pipe.Flush();
  EXPECT_TRUE(parked.dead.empty());
  ASSERT_EQ(parked.park.size(), 1u);
  EXPECT_EQ(parked.park.front().next_seq, 1);
  EXPECT_EQ(parked.park.front().reason, "the producer failed");
  EXPECT_EQ(pipe.core().in_flight(), 0);
}

TEST(EndpointPipeline, WhatCanNeverBeSetAsideIsDeadWithBothReasons) {
  Pipe pipe(Entry(), WithPlaceForTheDead());
  pipe.Append("app", 1);
  pipe.End(1, Answer(Verdict::kUndeliverable, "message too large"));
  ASSERT_EQ(pipe.asides(), Seqs{1});
  pipe.End(1, Answer(Verdict::kUndeliverable, "message too large; and no such topic"));
  const store::Settlement settlement = pipe.Flush();
  ASSERT_EQ(settlement.dead.size(), 1u);
  EXPECT_EQ(settlement.dead.front().reason, "undeliverable: message too large; and no such topic");
  EXPECT_EQ(pipe.core().in_flight(), 0);
}

TEST(EndpointPipeline, WhatAnEndpointRefusesThatIsToBlameItselfIsNotSetAside) {
  auto endpoint = Entry();
  endpoint.threshold = 3;
  Pipe pipe(endpoint, WithPlaceForTheDead());
  for (int i = 1; i <= 5; ++i) pipe.Append("r" + std::to_string(i), 1);
  for (int i = 1; i <= 5; ++i) pipe.End(i, Answer(Verdict::kUndeliverable, "message too large"));
  EXPECT_EQ(pipe.asides(), (Seqs{1, 2}));
  EXPECT_EQ(pipe.core().pace().breaker().state(), BreakerState::kOpen);
  pipe.End(1);
  EXPECT_EQ(pipe.core().pace().breaker().state(), BreakerState::kOpen) << "the destination itself took nothing";
  pipe.End(2);
  EXPECT_EQ(pipe.Flush().dead.size(), 2u);
  EXPECT_EQ(pipe.core().settled(), 2);
}

TEST(EndpointPipeline, WhatCouldNotBeSetAsideGoesThereAgainAndNowhereElse) {
  Pipe pipe(Entry(), WithPlaceForTheDead());
  pipe.Append("app", 1);
  pipe.End(1, Answer(Verdict::kUndeliverable, "message too large"));
  for (int times = 0; times < 4; ++times) {
    ASSERT_EQ(pipe.asides(), Seqs{1});
    Outcome interrupted = Answer(Verdict::kFailed, "another was refused");
    interrupted.blames = sinks::Blames::kNobody;
    pipe.End(1, interrupted);
    pipe.Flush();
  }
  ASSERT_EQ(pipe.asides(), Seqs{1});
  pipe.End(1);
  const store::Settlement settlement = pipe.Flush();
  ASSERT_EQ(settlement.dead.size(), 1u);
  EXPECT_EQ(settlement.dead.front().reason, "undeliverable: message too large");
  EXPECT_EQ(settlement.dead.front().attempts, 1);
}

TEST(EndpointPipeline, AnEndpointThatTakesNothingIsToBlameItself) {
  auto endpoint = Entry();
  endpoint.threshold = 4;
  Simulation world(endpoint, 7, Pipeline());
  bool fixed = false;
  world.receiver = [&](const store::Event&, Moment) {
    return fixed ? Answer(Verdict::kDelivered) : Answer(Verdict::kUndeliverable, "unknown topic");
  };
  for (int i = 0; i < 200; ++i) world.Append("r" + std::to_string(i));
  world.RunFor(120 * kSecond);
  EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  EXPECT_EQ(world.dead.size(), 3u);
  fixed = true;
  ASSERT_TRUE(world.RunUntilIdle(3'600 * kSecond));
  EXPECT_EQ(world.dead.size(), 3u);
  EXPECT_EQ(world.accepted.size(), 197u);
}

TEST(EndpointPipeline, FailuresLeaveTheWindowAlone) {
  Simulation world(Entry(), 8, Pipeline(100));
  int failures = 5;
  world.receiver = [&](const store::Event&, Moment) {
    return failures-- > 0 ? Answer(Verdict::kFailed, "no") : Answer(Verdict::kDelivered);
  };
  for (int i = 0; i < 50; ++i) world.Append("r" + std::to_string(i));
  world.RunFor(50 * kMillisecond);
  EXPECT_EQ(world.core().window(), 100);
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
}

TEST(EndpointPipeline, AnOpenBreakerProbesWithOneEvent) {
  auto endpoint = Entry();
  endpoint.threshold = 1;
  Simulation world(endpoint, 9, Pipeline());
  bool up = false;
  world.receiver = [&](const store::Event&, Moment) { return Answer(up ? Verdict::kDelivered : Verdict::kFailed); };
  for (int i = 0; i < 500; ++i) world.Append("r" + std::to_string(i % 3));
  world.RunFor(10 * kSecond);
  ASSERT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  const std::size_t before = world.sent_at.size();
  world.RunFor(600 * kSecond);
  EXPECT_LE(world.sent_at.size() - before, 45u);
  up = true;
  ASSERT_TRUE(world.RunUntilIdle(3'600 * kSecond));
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointPipeline, StrictOrderIsOnePipeline) {
  auto endpoint = Entry();
  endpoint.order = config::Order::kStrict;
  Simulation world(endpoint, 10, Pipeline());
  int failures = 3;
  world.receiver = [&](const store::Event& e, Moment) {
    return e.seq == 30 && failures-- > 0 ? Answer(Verdict::kFailed, "disk full") : Answer(Verdict::kDelivered);
  };
  for (int i = 0; i < 3'000; ++i) world.Append("r" + std::to_string(i % 70));
  ASSERT_TRUE(world.RunUntilIdle(60 * kSecond));
  EXPECT_GT(world.in_flight_peak, 2'000);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// Memory is full of what fails, and the log still finds what the endpoint takes.
TEST(EndpointPipeline, WhatFailsKeepsNoRoomFromWhatComes) {
  config::Endpoint endpoint;
  endpoint.name = "kafka";
  sinks::Capacity capacity;
  capacity.window = 50;
  capacity.window_bytes = 1 << 20;
  capacity.pipelines_lanes = true;
  Simulation world(endpoint, 3, capacity);
  world.receiver = [](const store::Event& event, Moment) {
    Outcome outcome;
    outcome.status = event.repository == "good" ? 200 : 500;
    if (outcome.status == 200) outcome.verdict = Verdict::kDelivered;
    return outcome;
  };
  world.details = std::string(1'000, 'x');
  for (int i = 0; i < 40'000; ++i) world.Append("bad" + std::to_string(i % 400));
  world.RunFor(600 * kSecond);
  EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen);
  world.Append("good");
  world.RunFor(180 * kSecond);
  EXPECT_EQ(world.accepted.size(), 1u);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

}  // namespace
}  // namespace portcall::broker
