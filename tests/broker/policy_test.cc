#include "broker/core/policy.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace portcall::broker
