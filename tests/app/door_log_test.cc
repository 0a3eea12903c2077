#include "app/server/door_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/fake_clock.h"

namespace portcall::app {
namespace {

using ::testing::HasSubstr;
using Kind = http::Incident::Kind;

class DoorLogTest : public ::testing::Test {
 protected:
  std::string Told(const std::vector<http::Incident>& incidents) {
    ::testing::internal::CaptureStderr();
    {
      runtime::Log log({runtime::Level::kInfo, "text", {}});
      DoorLog door(log, metrics_, clock_);
      for (const http::Incident& incident : incidents) door.Tell(incident);
      clock_.Advance(std::chrono::minutes(1));
      if (incidents.size() > 1) door.Tell(incidents.front());
    }
    return ::testing::internal::GetCapturedStderr();
  }
  static std::size_t Lines(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

  runtime::Metrics metrics_;
  portcall::testing::FakeClock clock_;
};

TEST_F(DoorLogTest, SaysWhoWasRefusedAndWhy) {
  EXPECT_THAT(Told({{Kind::kBadHead, "192.0.2.1:7", "192.0.2.1", 400, "malformed HTTP request"}}),
              HasSubstr("level=warning msg=\"a request was refused\" error=\"malformed HTTP request\" "
                        "http.request.remoteaddr=\"192.0.2.1:7\" http.response.status=400"));
  EXPECT_THAT(Told({{Kind::kCertificate, "192.0.2.1:7", "192.0.2.1", 0, "it has expired"}}),
              HasSubstr("msg=\"a client certificate was refused\" error=\"it has expired\""));
  EXPECT_THAT(Told({{Kind::kMemory, "192.0.2.1:7", "192.0.2.1", 0, "it is slow"}}),
              HasSubstr("msg=\"a connection gave up its memory\" error=\"it is slow\""));
  EXPECT_THAT(metrics_.Text(), HasSubstr("may be in registry_http_requests_total, too"));
  EXPECT_THAT(metrics_.Text(), HasSubstr("portcall_http_refused_total{reason=\"memory\"} 1"));
  EXPECT_THAT(metrics_.Text(), HasSubstr("portcall_http_refused_total{reason=\"malformed\"} 1"));
  EXPECT_THAT(metrics_.Text(), HasSubstr("portcall_http_refused_total{reason=\"certificate\"} 1"));
  EXPECT_THAT(metrics_.Text(), HasSubstr("portcall_http_refused_total{reason=\"tls\"} 0"));
}

TEST_F(DoorLogTest, AFloodIsCountedAndSaidInAFewLines) {
  std::vector<http::Incident> flood(1'000, {Kind::kHandshake, "192.0.2.1:7", "192.0.2.1", 0, "nonsense"});
  flood.push_back({Kind::kBadHead, "192.0.2.1:7", "192.0.2.1", 400, "another kind"});
  const std::string told = Told(flood);
  EXPECT_EQ(Lines(told), std::size_t{DoorLog::kLines + 2});
  EXPECT_THAT(told, HasSubstr("another kind"));
  EXPECT_THAT(told, HasSubstr("unsaid=" + std::to_string(1'000 - DoorLog::kLines)));
  EXPECT_THAT(metrics_.Text(), HasSubstr("portcall_http_refused_total{reason=\"tls\"} 1001"));
}

}  // namespace
}  // namespace portcall::app
