#include "broker/core/policy.h"

#include <gtest/gtest.h>

#include "tests/broker/answers.h"

namespace portcall::broker {
namespace {

using sinks::Verdict;

TEST(Policy, EndlessByDefaultWithinMaxAge) {
  const Policy policy{config::Endpoint{}};
  EXPECT_FALSE(ReasonToDie(policy, {Verdict::kFailed, true, 1'000'000, 0, kSecond}));
  EXPECT_EQ(ReasonToDie(policy, {Verdict::kFailed, true, 2, 0, 169 * 3'600 * kSecond}), "maxage");
}

TEST(Policy, MaxRetriesCountsWhatComesAfterTheFirstAttempt) {
  config::Endpoint endpoint;
  endpoint.max_retries = 0;
  EXPECT_EQ(ReasonToDie(Policy(endpoint), {Verdict::kFailed, true, 1, 0, 0}), "maxretries");
  endpoint.max_retries = 1;
  EXPECT_FALSE(ReasonToDie(Policy(endpoint), {Verdict::kFailed, true, 1, 0, 0}));
  EXPECT_EQ(ReasonToDie(Policy(endpoint), {Verdict::kFailed, true, 2, 0, 0}), "maxretries");
  endpoint.max_retries = -1;
  EXPECT_FALSE(ReasonToDie(Policy(endpoint), {Verdict::kFailed, true, 1'000, 0, 0}));
}

TEST(Policy, ConcurrencyBoundsWhatIsInFlight) {
  config::Endpoint endpoint;
  endpoint.concurrency = 5;
  EXPECT_EQ(Policy(endpoint, {.window = 100}).window, 5);
  EXPECT_EQ(Policy(endpoint, {.window = 3}).window, 3) << "nor more than its sink takes";
  endpoint.concurrency = 0;
  EXPECT_EQ(Policy(endpoint, {.window = 100}).window, 1);
}

TEST(Policy, AGoneEndpointKillsNoEvent) {
  config::Endpoint endpoint;
  endpoint.max_retries = 0;
  EXPECT_FALSE(ReasonToDie(Policy(endpoint), {Verdict::kGone, true, 5, 0, 0}));
}

TEST(Policy, SilenceIsFinalOnlyWhereRepetitionDoesHarm) {
  config::Endpoint endpoint;
  EXPECT_FALSE(ReasonToDie(Policy(endpoint), {Verdict::kFailed, false, 1, 0, 0}));
  endpoint.retry_on_timeout = false;
  EXPECT_EQ(ReasonToDie(Policy(endpoint), {Verdict::kFailed, false, 1, 0, 0}), "outcome unknown");
  EXPECT_FALSE(ReasonToDie(Policy(endpoint), {Verdict::kFailed, true, 1, 0, 0}));
  EXPECT_FALSE(ReasonToDie(Policy(endpoint), {Verdict::kFailed, false, 1, 0, 0, /*maybe_received=*/false}));
}

// RFC 9110 §15: who answers these has passed the request on, or may have; others have decided on it themselves.
TEST(Policy, AGatewaysAnswerDoesNotTellWhatBecameOfTheRequest) {
  for (const int status : {0, 408, 499, 502, 504, 520, 522, 524, 527})
    EXPECT_FALSE(TellsOutcome(Answer(status))) << status;
  for (const int status : {302, 401, 404, 429, 500, 501, 503, 519, 528})
    EXPECT_TRUE(TellsOutcome(Answer(status))) << status;
}

}  // namespace
}  // namespace portcall::broker
