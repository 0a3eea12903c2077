#include "sinks/ci/ci_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace portcall::sinks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(CiAnswerTest, OnlyThePresetsOwnStatusesAreSuccesses) {
  for (const std::string_view name : CiPresetNames()) {
    const auto preset = *LoadCiPreset(name);
    for (int status = 200; status < 600; ++status) {
      const Outcome outcome = JudgeCi(*preset, status, R"({"jobs": {"a": {"triggered": true}}})");
      const bool success = std::ranges::find(preset->success, status) != preset->success.end();
      EXPECT_EQ(outcome.verdict == Verdict::kDelivered, success) << name << " " << status;
      EXPECT_EQ(outcome.error.empty(), success) << name << " " << status;
      EXPECT_EQ(outcome.status, status);
      EXPECT_THAT(outcome.status_text, StartsWith(std::to_string(status)));
    }
  }
}

TEST(CiAnswerTest, TheEventsFaultsAreRejectedAndTheRestIsTheEndpointsFault) {
  const auto preset = *LoadCiPreset("gitea");
  for (const int status : {400, 413, 415, 422}) EXPECT_EQ(JudgeCi(*preset, status, "").verdict, Verdict::kRejected);
  for (const int status : {202, 302, 401, 403, 404, 408, 409, 429, 500, 503}) {
    EXPECT_EQ(JudgeCi(*preset, status, "").verdict, Verdict::kFailed) << status;
  }
  EXPECT_EQ(JudgeCi(*preset, 410, "").verdict, Verdict::kGone);
  EXPECT_THAT(JudgeCi(*preset, 401, "").error, HasSubstr("401 Unauthorized: the token is wrong"));
}

TEST(CiAnswerTest, FindsValuesInAnswers) {
  EXPECT_THAT(ValuesAt(R"({"id": 42})", {"id"}), ElementsAre("42"));
  EXPECT_THAT(ValuesAt(R"({"a": {"id": "x"}})", {"a", "id"}), ElementsAre("x"));
  EXPECT_THAT(ValuesAt(R"({"a": [{"id": true}, {"no": 1}, {"id": false}]})", {"a", "*", "id"}),
              ElementsAre("true", "false"));
  EXPECT_THAT(ValuesAt(R"({"id": {}})", {"id"}), IsEmpty());
  EXPECT_THAT(ValuesAt(R"({"id": 1})", {"id", "*"}), IsEmpty());
  EXPECT_THAT(ValuesAt("[1]", {"id"}), IsEmpty());
  EXPECT_THAT(ValuesAt("{\"id\": 4", {"id"}), IsEmpty());
  EXPECT_THAT(ValuesAt("", {"id"}), IsEmpty());
  EXPECT_THAT(ValuesAt(std::string(60'000, '['), {"id"}), IsEmpty());
  EXPECT_THAT(ValuesAt(std::string(30'000, '[') + std::string(30'000, ']'), {"*", "id"}), IsEmpty());
}

}  // namespace
}  // namespace portcall::sinks
