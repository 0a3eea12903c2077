#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>

#include "tests/broker/simulation.h"

namespace portcall::broker {
namespace {

using sinks::Blames;
using sinks::Outcome;
using sinks::Verdict;

constexpr int kFewRounds = 9, kRounds = 25;  // of bursts and fates; few in the normal suite, for its time

// Seeds that failed once, with what was wrong mended since, in the broker or here. They are tried first.
constexpr std::array<std::uint64_t, 14> kFailedOnce = {7,   23,   32,   89,   96,   180,  772,
                                                       783, 1858, 2069, 2129, 2352, 5035, 5346};
constexpr std::array<std::uint64_t, 5> kFailedOnceChanging = {37, 682, 1094, 1165, 1897};
constexpr std::array<std::uint64_t, 6> kFailedOnceOfAll = {7, 23, 32, 89, 96, 180};
constexpr std::uint64_t kParts = 8;  // tests of each kind, so that they run side by side
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kSeeds = 48;
#else
constexpr std::uint64_t kSeeds = 200;
#endif

// A receiver with moods: for a while it is well, then it fails, rejects, says nothing or asks for patience.
class MoodyReceiver {
 public:
  // `parts`: some repositories are of a part that fails, for a while each.
  MoodyReceiver(std::uint64_t seed, bool parts) : chance_(seed), parts_(parts) {}

  Outcome operator()(const store::Event& event, Moment now) {
    if (now.ticks >= next_mood_) {
      next_mood_ = now.ticks + static_cast<Ticks>(chance_.Unit() * 20e9);
      mood_ = static_cast<int>(chance_.Next() % 4);
    }
    const double luck = chance_.Unit();
    if (well) return Ended(200);
    if (parts_ && InTrouble(event, now)) return Blaming(Blames::kPart, 404);
    if (parts_ && luck > 0.95) return Blaming(Blames::kNobody, luck < 0.97 ? 0 : 500);
    if (poison_ && event.seq % 97 == 13) return Ended(422);
    if (poison_ && event.seq % 97 == 14) return Hopeless();
    if (mood_ == 1 && luck < 0.5) return Ended(503);
    if (mood_ == 2) {
      Outcome silent;
      silent.maybe_received = luck < 0.6;
      return luck < 0.9 ? silent : Ended(parts_ ? 504 : 500);
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
  static bool InTrouble(const store::Event& event, Moment now) {
    const Ticks minute = now.ticks / (60 * kSecond);
    return (std::hash<std::string>()(event.repository) + static_cast<std::size_t>(minute)) % 4 == 0;
  }
  static Outcome Ended(int status) {
    Outcome outcome;
    outcome.status = status;
    outcome.verdict = status == 200                    ? Verdict::kDelivered
                      : status == 400 || status == 422 ? Verdict::kRejected
                                                       : Verdict::kFailed;
    outcome.error = status == 200 ? "" : std::to_string(status);
    return outcome;
  }
  static Outcome Blaming(Blames whom, int status) {
    Outcome outcome = Ended(status);
    outcome.blames = whom;
    return outcome;
  }
  static Outcome Hopeless() {
    Outcome outcome;
    outcome.verdict = Verdict::kUndeliverable;
    outcome.error = "too large";
    outcome.maybe_received = false;
    return outcome;
  }
  Chance chance_;
  Ticks next_mood_ = 0;
  int mood_ = 0;
  bool poison_ = true, parts_;
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
  if (chance.Next() % 4 == 0) endpoint.ignore.actions = {"pull"};
  if (chance.Next() % 6 == 0) endpoint.rate_limit = 400;
  return endpoint;
}

struct Happenings {
  std::uint64_t repositories = 1;
  std::uint64_t tags = 0;  // of a repository; 0: none are pushed
  bool filters = false;    // they change too
  bool lanes = false;      // so do order and collapse, often
  bool parts = false;      // of the endpoint fail
};

void Append(Simulation& world, Chance& chance, const Happenings& what) {
  // One repository is busier than the others.
  const std::string repository = "r" + std::to_string(chance.Next() % 3 == 0 ? 0 : chance.Next() % what.repositories);
  auto action = chance.Next() % 4 == 0 ? store::Action::kPull : store::Action::kPush;
  if (what.tags == 0) return world.Append(repository, action);
  if (chance.Next() % 8 == 0) action = store::Action::kDelete;
  const std::uint64_t tag = chance.Next() % (what.tags + 1);
  world.Append(repository, action, tag == 0 ? "" : "v" + std::to_string(tag));
}

// Another entry of the same endpoint: whatever an operator may change while events wait.
config::Endpoint Changed(const Simulation& world, Chance& chance, const Happenings& what) {
  config::Endpoint changed = world.endpoint();
  const config::Endpoint drawn = Draw(chance);
  changed.fingerprint.clear();
  if (what.lanes && chance.Next() % 4 != 0) {
    changed.order = drawn.order;
    changed.collapse = chance.Next() % 2 == 0;
    changed.debounce = std::chrono::milliseconds(chance.Next() % 3 == 0 ? chance.Next() % 3'000 : 0);
  }
  if (what.filters && chance.Next() % 2 == 0) changed.ignore = drawn.ignore;
  if (chance.Next() % 2 == 0) changed.concurrency = drawn.concurrency;
  if (chance.Next() % 2 == 0) changed.name += "-renamed";
  changed.threshold = drawn.threshold;
  return changed;
}

void Happen(Simulation& world, Chance& chance, const Happenings& what) {
  const std::uint64_t burst = chance.Next() % 8 == 0 ? 3'000 : chance.Next() % 60;
  for (std::uint64_t i = 0; i < burst; ++i) Append(world, chance, what);
  world.latency = chance.Next() % 5 == 0 ? 200 * kMillisecond : static_cast<Ticks>(chance.Next() % (20 * kMillisecond));
  world.flush_latency = chance.Next() % 6 == 0 ? 300 * kMillisecond : 3 * kMillisecond;
  world.failing_flushes = chance.Next() % 6 == 0 ? 0.5 : 0;
  world.silent_attempts = chance.Next() % 8 == 0 ? 0.05 : 0;
  world.RunFor(static_cast<Ticks>(chance.Next() % (500 * kMillisecond)));
  const std::uint64_t fate = chance.Next() % 13;
  if (fate == 0) world.Crash(static_cast<Ticks>(chance.Next() % 3) * 10 * kSecond);
  if (fate == 1) world.Restart();
  if (fate == 3) world.LetGo();
  if (fate == 4) world.MoveWallClock((static_cast<Ticks>(chance.Next() % 5) - 2) * 3'600 * kSecond);
  if (fate == 5) world.Reload(Changed(world, chance, what));
  if (what.lanes && (fate == 6 || fate == 7)) world.Reload(Changed(world, chance, what));
  if (what.lanes && fate == 8) world.Crash(kSecond, Changed(world, chance, what));
  if (chance.Next() % 4 == 0) world.DeleteUnneeded();
  if (fate == 2 && !world.log.empty()) {
    world.Expire(static_cast<store::Seq>(1 + chance.Next() % world.log.size()));
  }
}

void CheckEnd(Simulation& world, std::uint64_t seed) {
  ASSERT_TRUE(world.RunUntilIdle(4 * 3'600 * kSecond))
      << "seed " << seed << ": cursor " << world.cursor.settled_through << " of " << world.log.size() << ", rows "
      << world.rows.size() << ", matched " << world.cursor.matched << ", settled " << world.cursor.settled;
  ASSERT_TRUE(world.violations.empty()) << "seed " << seed << ": " << world.violations.front();
  std::int64_t expired = 0;
  for (const store::DeadLetter& range : world.ranges) expired += range.events;
  ASSERT_EQ(expired, static_cast<std::int64_t>(world.expired.size())) << "seed " << seed;
  for (const auto& event : world.log) {
    if (!world.core().filter().Wants(*event) || world.passed_over.contains(event->seq)) continue;
    store::Seq seq = event->seq;  // what was superseded is as good as what did it
    for (auto by = world.superseded.find(seq); by != world.superseded.end(); by = world.superseded.find(seq)) {
      seq = by->second;
    }
    ASSERT_TRUE(world.accepted.contains(seq) || world.dead.contains(seq) || world.expired.contains(seq))
        << "seed " << seed << ": lost " << event->seq;
  }
}

void Run(Simulation& world, Chance& chance, std::uint64_t seed, const Happenings& what, int rounds) {
  auto receiver = std::make_shared<MoodyReceiver>(seed, what.parts);
  world.receiver = [receiver](const store::Event& event, Moment now) { return (*receiver)(event, now); };
  for (int round = 0; round < rounds; ++round) Happen(world, chance, what);
  receiver->well = true;
  if (chance.Next() % 2 == 0) world.Restart();  // nothing comes after it that would set going what stands still
  world.latency = world.flush_latency = kMillisecond;
  world.failing_flushes = world.silent_attempts = 0;
  CheckEnd(world, seed);
}

void Check(std::uint64_t seed, int rounds) {
  Chance chance(seed);
  Simulation world(Draw(chance), seed);
  Run(world, chance, seed, {.repositories = 1 + chance.Next() % 120, .filters = true}, rounds);
}

void CheckPipelined(std::uint64_t seed, int rounds) {
  Chance chance(seed);
  config::Endpoint endpoint = Draw(chance);
  sinks::Capacity capacity;
  capacity.pipelines_lanes = true;
  capacity.sets_aside = seed % 2 == 0;
  capacity.window = std::array<std::size_t, 3>{5, 300, 5'000}[chance.Next() % 3];
  Simulation world(endpoint, seed, capacity);
  Run(world, chance, seed, {.repositories = 1 + chance.Next() % 120}, rounds);
}

void CheckCollapsing(std::uint64_t seed, int rounds) {
  Chance chance(seed);
  config::Endpoint endpoint = Draw(chance);
  endpoint.collapse = true;
  endpoint.debounce = std::chrono::milliseconds(chance.Next() % 3 == 0 ? 0 : chance.Next() % 5'000);
  Simulation world(endpoint, seed);
  Run(world, chance, seed, {.repositories = 1 + chance.Next() % 20, .tags = 1 + chance.Next() % 6}, rounds);
}

void CheckChanging(std::uint64_t seed, int rounds) {
  Chance chance(seed);
  config::Endpoint endpoint = Draw(chance);
  endpoint.collapse = chance.Next() % 3 == 0;
  std::optional<sinks::Capacity> capacity;
  if (chance.Next() % 4 == 0) capacity = {.window = 300, .pipelines_lanes = true};
  Simulation world(endpoint, seed, capacity);
  const Happenings what{
      .repositories = 1 + chance.Next() % 20, .tags = 1 + chance.Next() % 6, .filters = true, .lanes = true};
  Run(world, chance, seed, what, rounds);
}

// As the others, of an endpoint that has parts.
void CheckParts(std::uint64_t seed, int rounds) {
  Chance chance(seed);
  config::Endpoint endpoint = Draw(chance);
  std::optional<sinks::Capacity> capacity;
  if (chance.Next() % 2 == 0) {
    capacity = {.window = std::array<std::size_t, 2>{5, 300}[chance.Next() % 2], .pipelines_lanes = true};
  } else {
    endpoint.collapse = chance.Next() % 2 == 0;
  }
  Simulation world(endpoint, seed, capacity);
  const Happenings what{.repositories = 1 + chance.Next() % 60,
                        .tags = chance.Next() % 6,
                        .filters = true,
                        .lanes = chance.Next() % 3 == 0,
                        .parts = true};
  Run(world, chance, seed, what, rounds);
}

// PORTCALL_SEEDS widens the search, as to 20000 or 251-20000, and goes on after a failure; PORTCALL_SEED repeats one.
class EndpointSimulation : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  static void Search(void (*check)(std::uint64_t, int), std::span<const std::uint64_t> failed_once) {
    const std::uint64_t part = GetParam();
    if (const char* seed = std::getenv("PORTCALL_SEED")) {
      if (part == 0) check(std::strtoull(seed, nullptr, 10), kRounds);
    } else if (const char* seeds = std::getenv("PORTCALL_SEEDS")) {
      if (part == 0) SearchWidely(check, seeds);
    } else {
      for (std::uint64_t i = part; i < failed_once.size() && !HasFatalFailure(); i += kParts) {
        check(failed_once[i], kRounds);
      }
      for (std::uint64_t next = part + 1; next <= kSeeds && !HasFatalFailure(); next += kParts) {
        check(next, kFewRounds);
      }
    }
  }

 private:
  static void SearchWidely(void (*check)(std::uint64_t, int), const char* seeds) {
    char* end = nullptr;
    std::uint64_t first = std::strtoull(seeds, &end, 10), last = first;
    if (*end == '-') last = std::strtoull(end + 1, nullptr, 10);
    if (*end != '-') first = 1;
    for (std::uint64_t seed = first; seed <= last; ++seed) check(seed, kRounds);
  }
};

TEST_P(EndpointSimulation, NothingIsLostAndNothingOvertakes) { Search(Check, kFailedOnce); }
TEST_P(EndpointSimulation, NothingIsLostAndNothingOvertakesInAPipeline) { Search(CheckPipelined, kFailedOnceOfAll); }
TEST_P(EndpointSimulation, NothingIsLostWhereNewerPushesSupersede) { Search(CheckCollapsing, kFailedOnceOfAll); }

TEST_P(EndpointSimulation, NothingIsLostAndNothingOvertakesWhereOrderAndCollapseChange) {
  Search(CheckChanging, kFailedOnceChanging);
}

TEST_P(EndpointSimulation, NothingIsLostAndNothingOvertakesWherePartsFail) { Search(CheckParts, {}); }

INSTANTIATE_TEST_SUITE_P(Parts, EndpointSimulation, ::testing::Range<std::uint64_t>(0, kParts));

}  // namespace
}  // namespace portcall::broker
