#include <gtest/gtest.h>

#include "tests/broker/simulation.h"

// What ages an event, and what does not.
namespace portcall::broker {
namespace {

using sinks::Outcome;
using sinks::Verdict;

constexpr Ticks kHour = 3'600 * kSecond;

config::Endpoint Entry(int threshold = 2) {
  config::Endpoint endpoint;
  endpoint.name = "hook";
  endpoint.url = "http://receiver";
  endpoint.max_age = std::chrono::minutes(10);
  endpoint.threshold = threshold;
  return endpoint;
}

Outcome Answer(int status) {
  Outcome outcome;
  outcome.status = status;
  outcome.verdict = status == 200 ? Verdict::kDelivered : status == 410 ? Verdict::kGone : Verdict::kFailed;
  outcome.error = status == 200 ? "" : std::to_string(status);
  return outcome;
}

// One attempt takes longer than the breaker is open.
TEST(EndpointAge, AnOpenBreakerDoesNotAgeWhatIsInFlight) {
  Moment now{kSecond, kSecond};
  const auto event = [](store::Seq seq, const char* repository) {
    auto made = std::make_shared<store::Event>();
    made->seq = seq;
    made->repository = repository;
    return store::EventPtr(made);
  };
  const std::vector<store::EventPtr> log{event(1, "slow"), event(2, "other")};
  EndpointCore core(Entry(1), {.window = 8}, {}, {}, "", now, 1);
  core.Grown(2);
  core.Scan(log, 2, now);
  Attempt slow, other;
  ASSERT_TRUE(core.Claim(now, slow));
  ASSERT_TRUE(core.Claim(now, other));
  core.OnOutcome(other, Answer(503), now);
  ASSERT_EQ(core.breaker().state(), BreakerState::kOpen);
  now.ticks += kHour;
  while (auto read = core.NextLaneRead(now)) core.OnLane(*read, {{log[1]}, 2}, now);
  ASSERT_TRUE(core.Claim(now, other));
  core.OnOutcome(other, Answer(200), now);
  ASSERT_EQ(core.breaker().state(), BreakerState::kClosed);
  core.OnOutcome(slow, Answer(503), now);
  for (const Note& note : core.TakeNotes()) EXPECT_NE(note.kind, Note::Kind::kDead);
}

}  // namespace
}  // namespace portcall::broker
