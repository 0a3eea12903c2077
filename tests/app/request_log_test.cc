#include "app/server/request_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/app/exchange.h"

namespace portcall::app {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Logged(const TestExchange& exchange, runtime::Level level = runtime::Level::kInfo) {
  ::testing::internal::CaptureStderr();
  {
    runtime::Log log({level, "text", {}});
    LogExchange(log, exchange.Get(), exchange.routed);
  }
  return ::testing::internal::GetCapturedStderr();
}

TEST(RequestLog, WritesDistributionsFieldsInTheirOrder) {
  EXPECT_THAT(Logged(TestExchange()),
              HasSubstr("level=info msg=\"response completed\" http.request.host=\"127.0.0.1:5600\" "
                        "http.request.id=ed33ecc4-555c-436d-8e6c-564dc7a58414 http.request.method=GET "
                        "http.request.remoteaddr=\"127.0.0.1:52354\" http.request.uri=/v2/acme/ctr/manifests/v1 "
                        "http.request.useragent=skopeo/1.9.3 http.response.contenttype=application/json "
                        "http.response.duration=2.13ms http.response.status=200 http.response.written=502"));
}

TEST(RequestLog, AFailureIsAnErrorWithWhatTheHandlerSaid) {
  TestExchange exchange;
  exchange.response.status = 404;
  exchange.routed.route.name = "acme/app";
  exchange.routed.notes = {{"err.code", "blob unknown"}};
  const std::string line = Logged(exchange);
  EXPECT_THAT(line,
              HasSubstr("level=error msg=\"response completed with error\" err.code=\"blob unknown\" http.request."));
  EXPECT_THAT(line, HasSubstr("http.response.written=502 vars.name=acme/app"));
}

TEST(RequestLog, AnAnswerThatWasCutIsAFailure) {
  TestExchange exchange;
  exchange.end = http::Exchange::End::kStalled;
  const std::string line = Logged(exchange);
  EXPECT_THAT(line, HasSubstr("level=error msg=\"response completed with error\" "
                              "err.detail=\"the client took nothing, or too little, for http.timeouts.stall\""));
  EXPECT_THAT(line, HasSubstr("http.response.status=499 http.response.written=502"));
  exchange.end = http::Exchange::End::kGaveRoom;
  EXPECT_THAT(Logged(exchange), HasSubstr("while others waited for its place or its memory"));
  EXPECT_THAT(Logged(exchange), HasSubstr("http.response.status=499"));
  exchange.end = http::Exchange::End::kSourceFailed;
  EXPECT_THAT(Logged(exchange), HasSubstr("http.response.status=500"));
}

TEST(RequestLog, TheHandlersWordForAFieldCounts) {
  TestExchange exchange;
  exchange.routed.notes = {{"http.request.remoteaddr", "203.0.113.9"}};
  const std::string line = Logged(exchange);
  EXPECT_THAT(line, HasSubstr("http.request.remoteaddr=203.0.113.9"));
  EXPECT_EQ(line.find("52354"), std::string::npos);
}

TEST(RequestLog, IsSilentBelowTheLevel) {
  EXPECT_THAT(Logged(TestExchange(), runtime::Level::kError), IsEmpty());
  TestExchange failed;
  failed.response.status = 500;
  EXPECT_THAT(Logged(failed, runtime::Level::kError), HasSubstr("http.response.status=500"));
}

}  // namespace
}  // namespace portcall::app
