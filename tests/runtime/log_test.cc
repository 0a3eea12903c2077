#include "runtime/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include "runtime/log_format.h"

namespace portcall::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr std::string_view kTime = "2026-11-20T16:06:50.230991296Z";

std::string Line(const std::string& formatter, std::string_view message, std::vector<LogField> fields = {},
                 std::vector<std::pair<std::string, std::string>> always = {}) {
  return FormatLine({Level::kInfo, formatter, std::move(always)}, kTime, Level::kInfo, message, fields);
}

TEST(LogTest, TextIsWhatDistributionPrints) {
  EXPECT_EQ(Line("text", "debug server listening 127.0.0.1:5601"),
            "time=\"2026-11-20T16:06:50.230991296Z\" level=info msg=\"debug server listening 127.0.0.1:5601\"\n");
  EXPECT_EQ(Line("text", "response completed",
                 {{"http.request.uri", "/v2/"},
                  {"go.version", "go1.19.8"},
                  {"http.request.host", "127.0.0.1:5600"},
                  {"http.request.useragent", ""}}),
            "time=\"2026-11-20T16:06:50.230991296Z\" level=info msg=\"response completed\" go.version=go1.19.8 "
            "http.request.host=\"127.0.0.1:5600\" http.request.uri=/v2/ http.request.useragent=\n");
}

TEST(LogTest, TextEscapesWhatCouldForgeALine) {
  EXPECT_THAT(Line("text", "a \"b\" \\ \n\x1b[31m \x7f"), HasSubstr(R"(msg="a \"b\" \\ \n\x1b[31m \x7f")"));
  EXPECT_THAT(Line("text", "52.582\xc2\xb5s"), HasSubstr("msg=\"52.582\xc2\xb5s\""));
  EXPECT_THAT(Line("text", "\xc2\x9b\xe2\x80\xae"), HasSubstr(R"(msg="\u009b\u202e")"));
  EXPECT_THAT(Line("text", "\xff\xc0\xaf\xed\xa0\x80"), HasSubstr(R"(msg="\xff\xc0\xaf\xed\xa0\x80")"));
}

TEST(LogTest, FieldsOfTheConfigurationStandOnEveryLineAndGiveWay) {
  const std::string line =
      Line("text", "m", {{"service", "here"}, {"msg", "x"}}, {{"service", "registry"}, {"a", "b"}});
  EXPECT_THAT(line, HasSubstr("msg=m a=b fields.msg=x service=here\n"));
}

TEST(LogTest, JsonSortsItsKeys) {
  EXPECT_EQ(Line("json", "a \"b\"\n", {{"z", "1\xff"}, {"err.code", "x"}}),
            R"({"err.code":"x","level":"info","msg":"a \"b\"\n","time":"2026-11-20T16:06:50.230991296Z","z":"1\ufffd"})"
            "\n");
}

TEST(LogTest, LogstashHasItsOwnNames) {
  EXPECT_EQ(
      Line("logstash", "m", {{"message", "x"}}),
      R"({"@timestamp":"2026-11-20T16:06:50.230991296Z","@version":"1","fields.message":"x","level":"info","message":"m"})"
      "\n");
}

TEST(LogTest, LevelsHaveLogrusNames) {
  EXPECT_EQ(NameOf(Level::kDebug), "debug");
  EXPECT_EQ(NameOf(Level::kWarn), "warning");
  EXPECT_EQ(NameOf(Level::kError), "error");
  EXPECT_EQ(NameOf(Level::kFatal), "fatal");
}

TEST(LogTest, WritesEnabledLevelsToStderrAndFollowsApply) {
  ::testing::internal::CaptureStderr();
  {
    Log log({Level::kWarn, "text", {}});
    log.Info("hidden");
    log.Warn("shown", {{"k", "v"}});
    log.Apply({Level::kDebug, "json", {}});
    log.Debug("now");
  }
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines, Not(HasSubstr("hidden")));
  EXPECT_THAT(lines, MatchesRegex("time=\"20[0-9T:.-]+Z\" level=warning msg=shown k=v\n\\{\"level\":\"debug\",.*\n"));
}

TEST(LogTest, AFatalLineIsOutBeforeWriteReturns) {
  ::testing::internal::CaptureStderr();
  Log log({Level::kInfo, "text", {}});
  log.Info("before");
  log.Write(Level::kFatal, "the end");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), MatchesRegex(".*msg=before\n.*level=fatal msg=\"the end\"\n"));
}

TEST(LogTest, WhatWasDroppedIsToldInTheShapeOfItsLines) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int saved = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  ::close(ends[1]);
  auto log = std::make_unique<Log>(LogOptions{Level::kInfo, "json", {}});
  constexpr int kLines = 4'000;
  for (int i = 0; i < kLines; ++i) log->Info(std::string(1000, 'x'));
  std::string got;
  std::jthread reader([&] {
    char block[65536];
    ssize_t n = 0;
    while ((n = ::read(ends[0], block, sizeof block)) > 0) got.append(block, static_cast<std::size_t>(n));
  });
  log.reset();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  reader.join();
  ::close(ends[0]);
  const auto whole = std::count(got.begin(), got.end(), '\n') - 1;
  EXPECT_THAT(got, HasSubstr("\"level\":\"error\",\"msg\":\"" + std::to_string(kLines - whole) +
                             " log lines were dropped: stderr was not read\""));
}

TEST(LogDeathTest, WhoDiesLeavesWhatWasLoggedAndWhy) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto die = [] {
    Log log({Level::kInfo, "text", {}});
    for (int i = 0; i < 100; ++i) log.Info("line " + std::to_string(i));
    Die("a bug");
  };
  EXPECT_EXIT(die(), ::testing::KilledBySignal(SIGABRT), "line 99.*\n.*level=fatal msg=\"a bug\"");
}

TEST(AccessLogTest, EveryLineOfEveryThreadArrivesWholeAndInOrder) {
  constexpr int kThreads = 4, kEach = 5000;
  ::testing::internal::CaptureStdout();
  {
    AccessLog log;
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&log, t] {
        for (int i = 0; i < kEach; ++i) log.Write(std::to_string(t) + " " + std::to_string(i));
      });
    }
  }
  std::istringstream lines(::testing::internal::GetCapturedStdout());
  int next[kThreads] = {};
  int t = 0, i = 0;
  while (lines >> t >> i) ASSERT_EQ(i, next[t]++);
  for (const int n : next) EXPECT_EQ(n, kEach);
}

// Stdout becomes a pipe that nobody reads until the log has been given more than it may hold.
TEST(AccessLogTest, DropsAndCountsWhenStdoutIsNotRead) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int saved = ::dup(STDOUT_FILENO);
  ::dup2(ends[1], STDOUT_FILENO);
  ::close(ends[1]);
  auto log = std::make_unique<AccessLog>();
  const std::string line(1000, 'x');
  constexpr int kLines = 12'000;  // 12 MB: the buffer twice, and the pipe
  for (int i = 0; i < kLines; ++i) log->Write(line);
  std::string got;
  std::jthread reader([&] {
    char block[65536];
    ssize_t n = 0;
    while ((n = ::read(ends[0], block, sizeof block)) > 0) got.append(block, static_cast<std::size_t>(n));
  });
  log.reset();
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  reader.join();
  ::close(ends[0]);
  const auto whole = static_cast<int>(std::count(got.begin(), got.end(), '\n')) - 1;
  EXPECT_GT(whole, 4000);
  EXPECT_THAT(got, HasSubstr("# " + std::to_string(kLines - whole) + " access lines were dropped"));
}

TEST(AccessLogTest, EndsWhenStdoutIsNeverRead) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int saved = ::dup(STDOUT_FILENO);
  ::dup2(ends[1], STDOUT_FILENO);
  ::close(ends[1]);
  auto log = std::make_unique<AccessLog>();
  for (int i = 0; i < 1000; ++i) log->Write(std::string(1000, 'x'));
  const auto start = std::chrono::steady_clock::now();
  log.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  ::close(ends[0]);
}

}  // namespace
}  // namespace portcall::runtime
