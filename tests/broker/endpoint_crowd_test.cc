#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/broker/answers.h"
#include "tests/broker/simulation.h"

// What one kind of event does to all others of an endpoint: refused ones, large ones, those that always fail.
namespace portcall::broker {
namespace {

using sinks::Outcome;

constexpr std::size_t kMiB = 1 << 20;

// As plain HTTP on an HTTPS port does.
TEST(EndpointCrowd, AnEndpointThatRefusesAllIsClosedWhateverItsMaxRetries) {
  for (const int retries : {1, 2, 5}) {
    config::Endpoint endpoint = Hook();
    endpoint.max_retries = retries;
    Simulation world(endpoint, 1);
    world.receiver = [](const store::Event&, Moment) { return Answer(400); };
    for (int i = 0; i < 5'000; ++i) world.Append("r" + std::to_string(i % 500));
    world.RunFor(60 * kSecond);
    EXPECT_EQ(world.core().pace().breaker().state(), BreakerState::kOpen) << "maxretries " << retries;
    world.RunFor(540 * kSecond);
    // Ten until it opens, later as many as there are probes.
    EXPECT_LE(world.dead.size(), 10u + 60u) << "maxretries " << retries;
  }
}

TEST(EndpointCrowd, RefusedEventsInARowDoNotHoldTheirLaneBeyondMaxRetries) {
  for (const config::Order order : {config::Order::kStrict, config::Order::kRepository}) {
    config::Endpoint endpoint = Hook();
    endpoint.order = order;
    endpoint.max_retries = 20;
    Simulation world(endpoint, 1);
    world.receiver = [](const store::Event& event, Moment) { return Answer(event.seq <= 12 ? 413 : 200); };
    for (int i = 0; i < 100; ++i) world.Append("app");
    ASSERT_TRUE(world.RunUntilIdle(3'600 * kSecond)) << world.core().pending() << " are pending";
    EXPECT_EQ(world.accepted.size(), 88u);
    EXPECT_EQ(world.dead.size(), 12u);
  }
}

// A receiver that is well and takes no events of one kind has long rows of rejections by chance. Until it is known for
// that, a probe in half a minute is all that it gets after each of them: seldom that lasts, and nothing dies of it.
TEST(EndpointCrowd, AReceiverThatRefusesMostOfItsEventsGetsTheOthers) {
  for (const config::Order order : {config::Order::kRepository, config::Order::kNone}) {
    int late = 0;
    for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
      config::Endpoint endpoint = Hook();
      endpoint.order = order;
      Simulation world(endpoint, seed);
      Chance chance(7);
      const auto refused = [](const store::Event& event) {
        return Chance(static_cast<std::uint64_t>(event.seq)).Unit() < 0.7;
      };
      world.receiver = [&](const store::Event& event, Moment) { return Answer(refused(event) ? 400 : 200); };
      for (int i = 0; i < 3'600; ++i) {
        world.Append("r" + std::to_string(chance.Next() % 50));
        world.RunFor(kSecond / 2);
        if (i == 1'800) world.Crash();
      }
      world.RunFor(600 * kSecond);
      if (world.core().pending() > 20) ++late;
      const auto good = std::ranges::count_if(world.log, [&](const auto& event) { return !refused(*event); });
      EXPECT_GE(static_cast<std::int64_t>(world.accepted.size()), good - 20) << "seed " << seed;
      EXPECT_TRUE(std::ranges::all_of(
          world.dead, [&](const auto& one) { return refused(*world.log[static_cast<std::size_t>(one.first - 1)]); }))
          << "seed " << seed;
    }
    EXPECT_LE(late, 2) << "order " << static_cast<int>(order);
  }
}

TEST(EndpointCrowd, AClockSetBackMakesNoFloorLongerThanTheAnswerAskedFor) {
  Simulation world(Hook(), 1);
  bool first = true;
  world.receiver = [&first](const store::Event&, Moment) {
    Outcome outcome = Answer(std::exchange(first, false) ? 429 : 200);
    if (outcome.status == 429) outcome.retry_after = std::chrono::seconds(2);
    return outcome;
  };
  world.Append("app");
  world.RunFor(100 * kMillisecond);
  world.MoveWallClock(-3'600 * kSecond);
  world.Crash();
  world.RunFor(320 * kSecond);  // its lane waits no longer than an event can
  EXPECT_TRUE(world.accepted.contains(1));
}

TEST(EndpointCrowd, LargeEventsThatAreReadAgainStayWithinTheBound) {
  for (const bool pipelined : {false, true}) {
    std::optional<sinks::Capacity> capacity;
    if (pipelined) capacity = {.window = 5'000, .window_bytes = 16 * kMiB, .pipelines_lanes = true};
    Simulation world(Hook(), 1, capacity);
    world.latency = 20 * kMillisecond;
    bool down = true;
    world.receiver = [&down](const store::Event& event, Moment) {
      return Answer(down && event.repository.starts_with("big") ? 500 : 200);
    };
    world.details = std::string(4 * kMiB, 'x');
    for (int i = 0; i < 30; ++i) world.Append("big" + std::to_string(i));
    world.details.clear();
    for (int i = 0; i < 20; ++i) {
      world.Append("ok");
      world.RunFor(kSecond);
    }
    down = false;
    world.latency = 5 * kSecond;
    std::size_t most = 0;
    for (int i = 0; i < 4'000; ++i) {
      world.RunFor(10 * kMillisecond);
      most = std::max(most, world.core().bytes());
    }
    // One event may stand beyond the bound, and one page be read meanwhile.
    const std::size_t bound = (pipelined ? 16 : 4 + 16) * kMiB;
    EXPECT_LE(most, bound + 8 * kMiB) << "pipelined " << pipelined << ": " << most / kMiB << " MiB held";
  }
}

TEST(EndpointCrowd, DeadLettersThatADiskDoesNotTakeAreBounded) {
  config::Endpoint endpoint = Hook();
  endpoint.threshold = 10'000;
  Simulation world(endpoint, 1);
  world.flush_latency = 3'600 * kSecond;
  world.receiver = [](const store::Event&, Moment) { return Answer(413); };
  world.details = std::string(kMiB, 'x');
  for (int i = 0; i < 200; ++i) world.Append("big" + std::to_string(i));
  world.RunFor(60 * kSecond);
  EXPECT_LE(std::ranges::count(world.notes, Note::Kind::kDead, &Note::kind), 16 + 32);
}

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)  // whose allocators tell nothing
TEST(EndpointCrowd, LanesThatRanEmptyGiveBackTheirMemory) {
  const auto in_use = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  config::Endpoint endpoint = Hook();
  store::Cursor cursor;
  cursor.id = 1;
  cursor.fingerprint = Filter(endpoint).fingerprint();
  Ticks now = kSecond;
  const auto moment = [&now] { return Moment{now, 1'700'000'000 * kSecond + now}; };
  EndpointCore core(endpoint, {}, cursor, {}, "", moment(), 1);
  const std::size_t before = in_use();
  constexpr store::Seq kBurst = 2'000;
  for (store::Seq repository = 0; repository < 100; ++repository) {
    std::vector<store::EventPtr> events;
    for (store::Seq i = 1; i <= kBurst; ++i) {
      auto event = std::make_shared<store::Event>();
      event->seq = repository * kBurst + i;
      event->repository = "r" + std::to_string(repository);
      events.push_back(std::move(event));
    }
    const store::Seq through = events.back()->seq;
    core.Counted(kBurst, through, moment());
    core.Grown(through);
    for (std::size_t taken = 0; core.pending() > 0; now += kMillisecond) {
      core.MakeRoom(moment());
      if (core.WantsEvents()) taken += core.Scan(std::span(events).subspan(taken), through, moment());
      for (Attempt attempt; core.Claim(moment(), attempt);) core.OnOutcome(attempt, Answer(200), moment());
      if (core.TakeSettlement(moment())) core.Flushed();
    }
    (void)core.TakeNotes();
  }
  EXPECT_LE(in_use() - before, 4 * kMiB);
}
#endif

// A CI system fails for some tags, which all wait in one line with those that are pushed meanwhile.
TEST(EndpointCrowd, TagsThatAlwaysFailKeepNoOthersOutOfACollapsingEndpoint) {
  config::Endpoint endpoint = Hook();
  endpoint.collapse = true;
  Simulation world(endpoint, 1);
  world.receiver = [](const store::Event& event, Moment) {
    return Answer(event.repository.starts_with("bad") ? 500 : 200);
  };
  for (int i = 0; i < 60; ++i) world.Append("bad" + std::to_string(i), store::Action::kPush, "latest");
  world.RunFor(60 * kSecond);
  const auto begun = world.now().ticks;
  for (int i = 0; i < 20; ++i) world.Append("ok" + std::to_string(i), store::Action::kPush, "latest");
  const auto good = [&] {
    return std::ranges::count_if(world.accepted, [](const auto& one) { return one.first > 60; });
  };
  while (good() == 0 && world.now().ticks - begun < 600 * kSecond) world.RunFor(kSecond);
  // Every third probe is of what is new; probes are half a minute apart at most.
  EXPECT_LE((world.now().ticks - begun) / kSecond, 120);
}

}  // namespace
}  // namespace portcall::broker
