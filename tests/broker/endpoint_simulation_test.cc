#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/broker/simulation.h"

namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

// A receiver with moods: for a while it is well, then it fails, rejects, says nothing or asks for patience.
class MoodyReceiver {
 public:
  explicit MoodyReceiver(std::uint64_t seed) : chance_(seed) {}

  Outcome operator()(const store::Event& event, Moment now) {
    if (now.ticks >= next_mood_) {
      next_mood_ = now.ticks + static_cast<Ticks>(chance_.Unit() * 20e9);
      mood_ = static_cast<int>(chance_.Next() % 4);
    }
    const double luck = chance_.Unit();
    if (well) return Ended(200);
    if (poison_ && event.seq % 97 == 13) return Ended(422);
    if (mood_ == 1 && luck < 0.5) return Ended(503);
    if (mood_ == 2) {
      Outcome silent;
      silent.maybe_received = luck < 0.6;
      return luck < 0.9 ? silent : Ended(500);
    }
    if (mood_ == 3 && luck < 0.2) {
      Outcome outcome = Ended(luck < 0.1 ? 429 : 400);
      outcome.retry_after = std::chrono::milliseconds(500);
      return outcome;
    }
    return Ended(200);
  }
  bool well = false;

 private:
  static Outcome Ended(int status) {
    Outcome outcome;
    outcome.status = status;
    outcome.verdict = status == 200                    ? Verdict::kDelivered
                      : status == 400 || status == 422 ? Verdict::kRejected
                                                       : Verdict::kFailed;
    outcome.error = status == 200 ? "" : std::to_string(status);
    return outcome;
  }
  Chance chance_;
  Ticks next_mood_ = 0;
  int mood_ = 0;
  bool poison_ = true;
};

config::Endpoint Draw(Chance& chance) {
  config::Endpoint endpoint;
  endpoint.name = "hook";
  endpoint.order = std::array{config::Order::kRepository, config::Order::kRepository, config::Order::kStrict,
                              config::Order::kNone}[chance.Next() % 4];
  endpoint.concurrency = static_cast<int>(1 + chance.Next() % 40);
  endpoint.threshold = static_cast<int>(1 + chance.Next() % 12);
  endpoint.max_backoff = std::chrono::milliseconds(500 + chance.Next() % 20'000);
  endpoint.backoff = std::chrono::milliseconds(100 + chance.Next() % 1'000);
  endpoint.max_parked = chance.Next() % 3 == 0 ? 5 : 10'000;
  if (chance.Next() % 4 == 0) endpoint.max_retries = static_cast<int>(chance.Next() % 6);
  if (chance.Next() % 5 == 0) endpoint.max_age = std::chrono::seconds(5);
  if (chance.Next() % 5 == 0) endpoint.retry_on_timeout = false;
  if (chance.Next() % 4 == 0) endpoint.ignore_actions = {"pull"};
  if (chance.Next() % 6 == 0) endpoint.rate_limit = 400;
  return endpoint;
}

void Happen(Simulation& world, Chance& chance, std::uint64_t repositories) {
  const std::uint64_t burst = chance.Next() % 8 == 0 ? 3'000 : chance.Next() % 60;
  for (std::uint64_t i = 0; i < burst; ++i) {
    // One repository is busier than the others.
    const std::uint64_t repository = chance.Next() % 3 == 0 ? 0 : chance.Next() % repositories;
    world.Append("r" + std::to_string(repository),
                 chance.Next() % 4 == 0 ? store::Action::kPull : store::Action::kPush);
  }
  world.latency = chance.Next() % 5 == 0 ? 200 * kMillisecond : static_cast<Ticks>(chance.Next() % (20 * kMillisecond));
  world.flush_latency = chance.Next() % 6 == 0 ? 300 * kMillisecond : 3 * kMillisecond;
  world.RunFor(static_cast<Ticks>(chance.Next() % (500 * kMillisecond)));
  const std::uint64_t fate = chance.Next() % 13;
  if (fate == 0) world.Crash();
  if (fate == 1) world.Restart();
  if (fate == 2 && !world.log.empty()) {
    world.Expire(static_cast<store::Seq>(1 + chance.Next() % world.log.size()));
  }
}

void Check(std::uint64_t seed) {
  Chance chance(seed);
  Simulation world(Draw(chance), seed);
  auto receiver = std::make_shared<MoodyReceiver>(seed);
  world.receiver = [receiver](const store::Event& event, Moment now) { return (*receiver)(event, now); };
  const std::uint64_t repositories = 1 + chance.Next() % 120;
  for (int round = 0; round < 25; ++round) Happen(world, chance, repositories);
  receiver->well = true;
  world.latency = world.flush_latency = kMillisecond;
  ASSERT_TRUE(world.RunUntilIdle(4 * 3'600 * kSecond))
      << "seed " << seed << ": cursor " << world.cursor.settled_through << " of " << world.log.size() << ", rows "
      << world.rows.size() << ", matched " << world.cursor.matched << ", settled " << world.cursor.settled;
  ASSERT_TRUE(world.violations.empty()) << "seed " << seed << ": " << world.violations.front();
  std::int64_t expired = 0;
  for (const store::DeadLetter& range : world.ranges) expired += range.events;
  ASSERT_EQ(expired, static_cast<std::int64_t>(world.expired.size())) << "seed " << seed;
  for (const auto& event : world.log) {
    if (!world.core().filter().Wants(*event)) continue;
    ASSERT_TRUE(world.accepted.contains(event->seq) || world.dead.contains(event->seq) ||
                world.expired.contains(event->seq))
        << "seed " << seed << ": lost " << event->seq;
  }
}

// PORTCALL_SEEDS widens the search; PORTCALL_SEED repeats one.
TEST(EndpointSimulation, NothingIsLostAndNothingOvertakes) {
  if (const char* seed = std::getenv("PORTCALL_SEED")) return Check(std::strtoull(seed, nullptr, 10));
  const char* seeds = std::getenv("PORTCALL_SEEDS");
  const std::uint64_t last = seeds == nullptr ? 60 : std::strtoull(seeds, nullptr, 10);
  for (std::uint64_t seed = 1; seed <= last && !HasFatalFailure(); ++seed) Check(seed);
}

}  // namespace
}  // namespace portcall::broker
