#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "tests/broker/answers.h"
#include "tests/broker/simulation.h"

// Receivers that refuse one event after another: for good, by an incident that is repaired, or because that is what
// they do with most events.
namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

constexpr Ticks kMinute = 60 * kSecond, kHour = 60 * kMinute;

// Refuses some events for good, and all while it is broken.
struct Receiver {
  double picky = 0;  // the share of events that it never takes
  bool broken = false;
  int status = 400;
  std::set<store::Seq> bad;  // what it never takes

  bool Refuses(const store::Event& event) {
    if (Chance(static_cast<std::uint64_t>(event.seq)).Unit() < picky) bad.insert(event.seq);
    return bad.contains(event.seq);
  }
};

std::shared_ptr<Receiver> Attach(Simulation& world) {
  auto receiver = std::make_shared<Receiver>();
  world.receiver = [receiver](const store::Event& event, Moment) {
    const bool refused = receiver->Refuses(event) || receiver->broken;
    return Answer(refused ? receiver->status : 200);
  };
  return receiver;
}

void Traffic(Simulation& world, int repositories, Ticks duration, Ticks pause = kSecond / 2) {
  for (Ticks t = 0; t < duration; t += pause) {
    world.Append("r" + std::to_string(world.log.size() * 7'919 % static_cast<std::size_t>(repositories)));
    world.RunFor(pause);
  }
}

// The dead letters that a well receiver would have taken.
std::int64_t Lost(const Simulation& world, const Receiver& receiver) {
  return std::ranges::count_if(world.dead, [&](const auto& one) { return !receiver.bad.contains(one.first); });
}

// However often it happens.
TEST(EndpointRefusal, AnIncidentThatIsRepairedCostsFewerEventsThanTheThreshold) {
  for (const auto& [repositories, status] : {std::pair(3, 400), {50, 413}, {50, 422}, {1'000, 415}}) {
    Simulation world(Hook(), 3);
    const auto receiver = Attach(world);
    receiver->status = status;
    for (int incident = 0; incident < 5; ++incident) {
      Traffic(world, repositories, kMinute);
      const std::int64_t before = Lost(world, *receiver);
      receiver->broken = true;
      Traffic(world, repositories, 5 * kMinute);
      if (incident == 3) world.Crash();
      Traffic(world, repositories, kMinute);
      receiver->broken = false;
      world.RunFor(5 * kMinute);
      EXPECT_LT(Lost(world, *receiver) - before, 10) << incident << " of " << repositories << " repositories";
    }
    EXPECT_TRUE(world.RunUntilIdle(kHour));
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// Also of a receiver that is known to refuse most of its events, and where incidents follow each other.
TEST(EndpointRefusal, NorDoesItWhereMostEventsWereRefusedBefore) {
  Simulation world(Hook(), 3);
  const auto receiver = Attach(world);
  receiver->picky = 0.8;
  Traffic(world, 1'000, 10 * kMinute);
  receiver->picky = 0;
  for (const Ticks well : {kMinute, 10 * kSecond, kSecond, kSecond}) {
    Traffic(world, 1'000, well);
    const std::int64_t before = Lost(world, *receiver);
    receiver->broken = true;
    Traffic(world, 1'000, 5 * kMinute);
    receiver->broken = false;
    world.RunFor(well);
    EXPECT_LT(Lost(world, *receiver) - before, 10) << "well for " << well / kSecond << " s before";
  }
  EXPECT_TRUE(world.RunUntilIdle(10 * kMinute));
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

// One that is asked often.
config::Endpoint Impatient() {
  config::Endpoint endpoint = Hook();
  endpoint.max_backoff = std::chrono::seconds(2);
  return endpoint;
}

// What an old process of the receiver takes late ends nothing: the new one refuses all.
TEST(EndpointRefusal, NorWhereDeliveriesThatBeganBeforeItEndInTheMidstOfIt) {
  Simulation world(Impatient(), 3);
  const auto receiver = Attach(world);
  receiver->broken = true;
  constexpr store::Seq kSlow = 5;
  for (store::Seq seq = 1; seq <= kSlow; ++seq) world.slow[seq] = (20 + 5 * seq) * kMinute;
  const auto refuses = world.receiver;
  world.receiver = [refuses](const store::Event& event, Moment at) {
    return event.seq <= kSlow ? Answer(200) : refuses(event, at);
  };
  for (int i = 0; i < 40; ++i) world.Append("r" + std::to_string(i));
  world.RunFor(10 * kMinute);
  ASSERT_EQ(world.accepted.size(), 0u);
  ASSERT_EQ(world.dead.size(), 9u);
  world.RunFor(50 * kMinute);
  ASSERT_EQ(world.accepted.size(), std::size_t{kSlow});
  EXPECT_EQ(world.dead.size(), 9u);
  EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen) << "it takes nothing that is new";
  receiver->broken = false;
  EXPECT_TRUE(world.RunUntilIdle(10 * kMinute));
  EXPECT_EQ(world.accepted.size() + world.dead.size(), 40u);
}

// Nor do the repairs that did not help: each is another entry.
TEST(EndpointRefusal, AChangedEntryDoesNotBeginTheRowAnew) {
  Simulation world(Hook(), 3);
  const auto receiver = Attach(world);
  receiver->broken = true;
  for (int i = 0; i < 40; ++i) world.Append("r" + std::to_string(i));
  for (int repair = 0; repair < 4; ++repair) {
    world.RunFor(5 * kMinute);
    EXPECT_EQ(world.dead.size(), 9u) << repair;
    world.Reload(Hook());
    EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kClosed) << "what is new is tried at once";
  }
  receiver->broken = false;
  EXPECT_TRUE(world.RunUntilIdle(10 * kMinute));
  EXPECT_EQ(world.dead.size(), 9u);
}

// Three failures of an event are not three refusals of it.
TEST(EndpointRefusal, NorDoARestartAndFailuresOfAnotherKindMakeItDearer) {
  Simulation world(Impatient(), 3);
  const auto receiver = Attach(world);
  receiver->broken = true;
  receiver->status = 500;
  for (int i = 0; i < 40; ++i) world.Append("r" + std::to_string(i));
  world.RunFor(10 * kMinute);
  receiver->status = 400;
  world.RunFor(kMinute);
  world.Restart();
  world.RunFor(10 * kMinute);
  EXPECT_LT(world.dead.size(), 10u);
  receiver->broken = false;
  EXPECT_TRUE(world.RunUntilIdle(10 * kMinute));
  EXPECT_LT(world.dead.size(), 10u);
}

TEST(EndpointRefusal, AReceiverThatTakesOneEventOfManyGetsIt) {
  for (const auto& [picky, repositories] : {std::pair(0.8, 50), {0.95, 50}, {0.97, 300}, {0.9, 5}}) {
    Simulation world(Hook(), 1);
    const auto receiver = Attach(world);
    receiver->picky = picky;
    Traffic(world, repositories, 6 * kHour, 20 * kSecond);  // until it is known
    const store::Seq before = static_cast<store::Seq>(world.log.size());
    Traffic(world, repositories, kHour);
    world.RunFor(10 * kMinute);
    std::int64_t good = 0, got = 0;
    for (auto seq = before + 1; seq <= static_cast<store::Seq>(world.log.size()); ++seq) {
      const bool takes = !receiver->Refuses(*world.log[static_cast<std::size_t>(seq - 1)]);
      good += takes ? 1 : 0;
      got += world.accepted.contains(seq) ? 1 : 0;
    }
    EXPECT_GE(got, good - 20) << picky << " of " << repositories << " repositories";
    EXPECT_EQ(Lost(world, *receiver), 0);
    EXPECT_TRUE(world.violations.empty()) << world.violations.front();
  }
}

// Nothing was ever delivered, and nothing else is left to find out with.
class RefusedFrontsTest : public ::testing::TestWithParam<config::Order> {
 protected:
  RefusedFrontsTest() : world_(Entry(), 3), receiver_(Attach(world_)) {
    for (store::Seq seq = 1; seq <= 20; ++seq) receiver_->bad.insert(seq);
    for (int i = 0; i < 100; ++i) world_.Append("app" + std::to_string(i % 5));
  }
  static config::Endpoint Entry() {
    config::Endpoint endpoint = Hook();
    endpoint.order = GetParam();
    return endpoint;
  }
  int lanes() const { return GetParam() == config::Order::kStrict ? 1 : 5; }
  Simulation world_;
  std::shared_ptr<Receiver> receiver_;
};

TEST_P(RefusedFrontsTest, EndAfterAnHourOfRefusals) {
  world_.RunFor(50 * kMinute);
  EXPECT_LT(world_.dead.size(), 10u);
  EXPECT_EQ(world_.core().pace().breaker().state(), BreakerState::kOpen);
  world_.RunFor((12 / lanes() + 2) * kHour);
  EXPECT_TRUE(world_.RunUntilIdle(kHour));
  EXPECT_EQ(world_.dead.size(), 20u);
  EXPECT_EQ(world_.accepted.size(), 80u);
  EXPECT_TRUE(world_.violations.empty()) << world_.violations.front();
}

TEST_P(RefusedFrontsTest, ARestartDoesNotBeginTheHourAnew) {
  world_.RunFor(40 * kMinute);
  ASSERT_LT(world_.dead.size(), 10u);
  world_.Restart();
  world_.RunFor(10 * kMinute);
  world_.Crash(20 * kMinute);
  EXPECT_LT(world_.dead.size(), 10u) << "while it is down nothing is refused";
  world_.RunFor(22 * kMinute);
  EXPECT_GE(world_.dead.size(), 10u);
}

TEST_P(RefusedFrontsTest, TheTimeOfAnOutageIsNoneOfRefusals) {
  world_.RunFor(40 * kMinute);
  const std::size_t before = world_.dead.size();
  receiver_->status = 503;
  receiver_->broken = true;
  world_.RunFor(5 * kHour);
  receiver_->status = 400;
  receiver_->broken = false;
  world_.RunFor(10 * kMinute);
  EXPECT_EQ(world_.dead.size(), before);
  world_.RunFor(15 * kMinute);
  EXPECT_GT(world_.dead.size(), before);
}

INSTANTIATE_TEST_SUITE_P(Orders, RefusedFrontsTest,
                         ::testing::Values(config::Order::kRepository, config::Order::kStrict));

// What is refused and holds up nobody waits.
TEST(EndpointRefusal, WhatHoldsUpNobodyWaits) {
  Simulation world(Hook(), 3);
  const auto receiver = Attach(world);
  receiver->broken = true;
  for (int i = 0; i < 30; ++i) world.Append("app" + std::to_string(i));
  world.RunFor(5 * kHour);
  EXPECT_LT(world.dead.size(), 10u);
}

// Where the cursor stands for what is parked, nothing behind it could ever tell that the endpoint takes others.
TEST(EndpointRefusal, WhatStandsAtTheBoundOfParkedLanesKeepsNobodyOutForGood) {
  config::Endpoint endpoint = Hook();
  endpoint.order = config::Order::kNone;
  endpoint.max_parked = 20;
  Simulation world(endpoint, 3);
  const auto receiver = Attach(world);
  for (store::Seq seq = 1; seq <= 60; ++seq) receiver->bad.insert(seq);
  for (int i = 0; i < 65; ++i) world.Append("app" + std::to_string(i));
  world.RunFor(8 * kHour);
  EXPECT_EQ(world.accepted.size(), 5u);
  EXPECT_TRUE(world.violations.empty()) << world.violations.front();
}

TEST(EndpointRefusal, NorDoesWhatAChangedOrderWaitsFor) {
  config::Endpoint endpoint = Hook();
  endpoint.order = config::Order::kNone;
  Simulation world(endpoint, 3);
  const auto receiver = Attach(world);
  for (store::Seq seq = 1; seq <= 60; ++seq) receiver->bad.insert(seq);
  for (int i = 0; i < 60; ++i) world.Append("app" + std::to_string(i));
  world.RunFor(kMinute);
  endpoint.order = config::Order::kRepository;
  world.Reload(endpoint);
  for (int i = 0; i < 5; ++i) world.Append("well" + std::to_string(i));
  EXPECT_TRUE(world.RunUntilIdle(8 * kHour)) << world.core().pending() << " are pending";
  EXPECT_EQ(world.accepted.size(), 5u);
}

// What was in flight when the endpoint was closed, and probes that hold up nobody, wait as all others do.
TEST(EndpointRefusal, MaxRetriesMakeARepairedIncidentNoDearer) {
  for (const int retries : {2, 3}) {
    config::Endpoint endpoint = Hook();
    endpoint.max_retries = retries;
    Simulation world(endpoint, 3);
    const auto receiver = Attach(world);
    receiver->broken = true;
    for (int i = 0; i < 60; ++i) world.Append("app" + std::to_string(i));
    world.RunFor(kHour / 2);
    receiver->broken = false;
    EXPECT_TRUE(world.RunUntilIdle(kHour));
    EXPECT_LT(world.dead.size(), 10u) << "maxretries " << retries;
  }
}

}  // namespace
}  // namespace portcall::broker
