#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "app/doctor/looks.h"
#include "app/doctor/report.h"

namespace portcall::app {
namespace {

using runtime::Findings;
using runtime::Fine;
using runtime::Grade;
using runtime::Note;
using runtime::Problem;
using runtime::Warning;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

std::string Printed(const Report& report) {
  std::ostringstream out;
  Print(report, out, Terminal());
  return out.str();
}

TEST(DoctorReport, ALineForEachAndWhatToDoBelow) {
  const Report report{{"files", {Fine("data folder", "is there"), Problem("key", "is gone", "put it back")}},
                      {"clock", {Note("clock", "drifts", "nothing")}}};
  EXPECT_EQ(Printed(report),
            "ok       files      data folder: is there\n"
            "problem  files      key: is gone\n"
            "                    put it back\n"
            "note     clock      clock: drifts\n"
            "                    nothing\n"
            "1 problem, 0 warnings, 1 note; 1 ok\n");
}

TEST(DoctorReport, TheWorstGivesTheExitCode) {
  const auto code = [](const runtime::Finding& one) { return ExitCodeOf({{"a", {Fine("x", "y")}}, {"b", {one}}}); };
  EXPECT_EQ(code(Fine("x", "y")), 0);
  EXPECT_EQ(code(Note("x", "y", "z")), 0);
  EXPECT_EQ(code(Warning("x", "y", "z")), 1);
  EXPECT_EQ(code(Problem("x", "y", "z")), 1);
}

TEST(DoctorReport, JsonHasOneShapeAndNoTerminalsCommands) {
  const Report report{{"files", {Warning("a\x1b[31m", "caf\xc3\xa9", "mend"), Fine("b", "c")}}};
  const std::string text = JsonOf(report);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["worst"], "warning");
  EXPECT_EQ(json["warnings"], 1);
  EXPECT_EQ(json["findings"][0]["how"], "caf\xc3\xa9");
  EXPECT_EQ(json["findings"][0]["todo"], "mend");
  EXPECT_TRUE(json["findings"][1]["todo"].is_null());
  EXPECT_EQ(Printed(report).find('\x1b'), std::string::npos);
}

TEST(DoctorLooks, WhatHangsIsNamedInItsTimeAndTheRestIsShown) {
  auto lanes = std::make_unique<runtime::Lanes>();
  auto go = std::make_shared<std::atomic<bool>>(false);
  const auto begun = Clock::now();
  const Report report =
      DoLooks({{"a", "hangs", milliseconds(50),
                [go]() -> Findings {
                  while (!*go) std::this_thread::sleep_for(milliseconds(1));
                  return {};
                }},
               {"b", "is quick", milliseconds(60'000), []() -> Findings { return {Fine("quick", "done")}; }},
               {"a", "throws", milliseconds(60'000), []() -> Findings { throw std::runtime_error("a bug"); }}},
              *lanes, begun + milliseconds(60'000));
  EXPECT_LT(Clock::now() - begun, milliseconds(30'000));
  ASSERT_EQ(report.size(), 2U);
  EXPECT_EQ(report[0].name, "a");
  ASSERT_EQ(report[0].findings.size(), 2U);
  EXPECT_THAT(report[0].findings[0].how, HasSubstr("does not answer within 50ms"));
  EXPECT_EQ(report[0].findings[0].grade, Grade::kProblem);
  EXPECT_THAT(report[0].findings[1].how, HasSubstr("a bug"));
  EXPECT_EQ(report[1].findings[0].how, "done");
  *go = true;
}

TEST(DoctorLooks, TheWholeIsBounded) {
  runtime::Lanes lanes;
  auto go = std::make_shared<std::atomic<bool>>(false);
  const auto wait = [go]() -> Findings {
    while (!*go) std::this_thread::sleep_for(milliseconds(1));
    return {};
  };
  const Report report = DoLooks({{"a", "first", milliseconds(60'000), wait, "one lane"},
                                 {"a", "behind it", milliseconds(60'000), wait, "one lane"}},
                                lanes, Clock::now() + milliseconds(50));
  ASSERT_EQ(report.at(0).findings.size(), 2U);
  EXPECT_EQ(report[0].findings[1].what, "behind it");
  *go = true;
}

}  // namespace
}  // namespace portcall::app
