#include "app/debug/http_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/app/exchange.h"

namespace portcall::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(HttpMetrics, CountsRequestsAsDistributionDoes) {
  runtime::Metrics metrics;
  HttpMetrics http(metrics);
  TestExchange exchange;
  http.Observe(exchange.Get(), exchange.routed.handler());
  http.Observe(exchange.Get(), exchange.routed.handler());
  const std::string page = metrics.Text();
  EXPECT_THAT(page, HasSubstr(R"(registry_http_requests_total{code="200",handler="manifest",method="get"} 2)"));
  EXPECT_THAT(page, HasSubstr(R"(registry_http_request_duration_seconds_count{handler="manifest",method="get"} 2)"));
  EXPECT_THAT(
      page,
      HasSubstr(R"(registry_http_request_duration_seconds_bucket{handler="manifest",method="get",le="0.005"} 2)"));
  EXPECT_THAT(page, HasSubstr(R"(registry_http_response_size_bytes_bucket{handler="manifest",le="1024"} 2)"));
  EXPECT_THAT(page, HasSubstr(R"(registry_http_response_size_bytes_sum{handler="manifest"} 1004)"));
}

TEST(HttpMetrics, AnAnswerThatWasCutCountsAsWhatItCameTo) {
  runtime::Metrics metrics;
  HttpMetrics http(metrics);
  TestExchange exchange;
  exchange.read = 77;
  exchange.end = http::Exchange::End::kSourceFailed;
  http.Observe(exchange.Get(), exchange.routed.handler());
  exchange.end = http::Exchange::End::kPeerGone;
  http.Observe(exchange.Get(), exchange.routed.handler());
  const std::string page = metrics.Text();
  EXPECT_THAT(page, HasSubstr(R"(registry_http_requests_total{code="500",handler="manifest",method="get"} 1)"));
  EXPECT_THAT(page, Not(HasSubstr(R"(registry_http_requests_total{code="200")")));
  EXPECT_THAT(page, HasSubstr(R"(registry_http_request_size_bytes_sum{handler="manifest"} 154)"));
  EXPECT_THAT(page, HasSubstr(R"(registry_http_response_size_bytes_sum{handler="manifest"} 1004)"));
}

TEST(HttpMetrics, WhatClientsInventMakesNoSeries) {
  runtime::Metrics metrics;
  HttpMetrics http(metrics);
  TestExchange exchange;
  exchange.request.method = "INVENTED";
  exchange.response.status = 299;
  exchange.routed = {};
  exchange.request.target = "/invented";
  http.Observe(exchange.Get(), exchange.routed.handler());
  const std::string page = metrics.Text();
  EXPECT_THAT(page, HasSubstr(R"(registry_http_requests_total{code="other",handler="other",method="other"} 1)"));
  EXPECT_THAT(page, Not(HasSubstr("nvented")));
}

TEST(HttpMetrics, KnowsWhatIsInFlightByItsRoute) {
  runtime::Metrics metrics;
  HttpMetrics http(metrics);
  const std::vector<std::pair<std::string, std::string>> paths = {
      {"/reg/v2/", "base"},
      {"/reg/v2/a/b/manifests/v1", "manifest"},
      {"/reg/v2/a/b/tags/list", "tags"},
      {"/reg/v2/a/b/blobs/sha256:aa", "blob"},
      {"/reg/v2/a/b/blobs/uploads/", "blob_upload"},
      {"/reg/v2/a/b/blobs/uploads/uuid", "blob_upload_chunk"},
      {"/reg/v2/_catalog", "catalog"},
      {"/reg/v2/a/referrers/sha256:aa", "referrers"},
      // Names may hold the words of routes, and below another prefix nothing is served.
      {"/reg/v2/a/manifests/b/tags/list", "tags"},
      {"/reg/v2/a/manifests/b/blobs/uploads/", "blob_upload"},
      {"/reg/v2/a/blobs/uploads/b/manifests/v1", "manifest"},
      {"/v2/a/b/manifests/v1", "other"}};
  for (const auto& [path, handler] : paths) {
    const std::string series =
        std::string("registry_http_in_flight_requests{handler=\"").append(handler).append("\"} ");
    const registry::RoutedRequest routed{nullptr, registry::MatchRoute(path, "/reg/"), {}};
    {
      const auto in_flight = http.Enter(routed.handler());
      EXPECT_THAT(metrics.Text(), HasSubstr(series + "1")) << path;
    }
    EXPECT_THAT(metrics.Text(), HasSubstr(series + "0")) << path;
    TestExchange exchange;
    http.Observe(exchange.Get(), routed.handler());
    EXPECT_THAT(metrics.Text(), HasSubstr("registry_http_requests_total{code=\"200\",handler=\"" + handler)) << path;
  }
}

}  // namespace
}  // namespace portcall::app
