#include "app/debug/debug_vars.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace portcall::app {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

broker::EndpointStatus Healthy(const std::string& name) {
  broker::EndpointStatus status;
  status.name = name;
  status.url = "http://127.0.0.1:5699/event";
  return status;
}

TEST(DebugVars, HasDistributionsShape) {
  config::Config config;
  config::Endpoint endpoint;
  endpoint.name = "alistener";
  endpoint.headers = {{"Authorization", "Bearer research-token"}, {"X-Two", "one"}, {"X-Two", "two"}};
  endpoint.timeout = std::chrono::milliseconds(500);
  endpoint.ignore.media_types = {"application/octet-stream"};
  config.endpoints = {endpoint};
  broker::EndpointStatus status = Healthy("alistener");
  status.pending = 3;
  status.events = 10;
  status.successes = 7;
  status.statuses = {{"200 OK", 7}, {"503 Service Unavailable", 1}};
  const std::string text = DebugVars(config, {status}, {}, {"portcall", "serve", "config.yml"});
  EXPECT_THAT(text, Not(HasSubstr("research-token")));
  const json page = json::parse(text);
  EXPECT_EQ(page["cmdline"], json({"portcall", "serve", "config.yml"}));
  EXPECT_TRUE(page["memstats"].is_object());
  const json& shown = page.at("registry").at("notifications").at("endpoints").at(0);
  EXPECT_EQ(shown["name"], "alistener");
  EXPECT_EQ(shown["url"], "http://127.0.0.1:5699/event");
  EXPECT_EQ(shown["Headers"], json::parse(R"({"Authorization":["***"],"X-Two":["***","***"]})"));
  EXPECT_EQ(shown["Timeout"], 500'000'000);
  EXPECT_EQ(shown["Threshold"], 10);
  EXPECT_EQ(shown["Backoff"], 1'000'000'000);
  EXPECT_EQ(shown["Ignore"]["MediaTypes"], json({"application/octet-stream"}));
  EXPECT_EQ(shown["Metrics"]["Pending"], 3);
  EXPECT_EQ(shown["Metrics"]["Events"], 10);
  EXPECT_EQ(shown["Metrics"]["Successes"], 7);
  EXPECT_EQ(shown["Metrics"]["Statuses"], json::parse(R"({"200 OK":7,"503 Service Unavailable":1})"));
}

TEST(DebugVars, WhatAnEndpointDoesNotHaveIsNull) {
  config::Config config;
  config.endpoints.emplace_back().name = "bare";
  const json page = json::parse(DebugVars(config, {Healthy("bare")}, {}, {}));
  const json& shown = page.at("registry").at("notifications").at("endpoints").at(0);
  EXPECT_TRUE(shown.at("Headers").is_null());
  EXPECT_TRUE(shown.at("IgnoredMediaTypes").is_null());
  EXPECT_EQ(shown.at("Ignore"), json::parse(R"({"MediaTypes":null,"Actions":null})"));
}

TEST(DebugVars, WithoutEndpointsTheListIsNull) {
  EXPECT_TRUE(json::parse(DebugVars({}, {}, {}, {}))["registry"]["notifications"]["endpoints"].is_null());
}

TEST(HealthBody, NamesWhatFails) {
  EXPECT_EQ(HealthBody({}, nullptr), "{}");
  EXPECT_EQ(HealthBody({{"storagedriver_filesystem", "no such folder"}}, nullptr),
            R"({"storagedriver_filesystem":"no such folder"})");
}

TEST(HealthBody, AddsTheCertificatesThatHaveExpired) {
  const std::vector<broker::EndpointStatus> none;
  EXPECT_EQ(HealthBody({}, &none), R"({"endpoints":[]})");
  const std::vector<config::CertificateEnd> expired = {{"a", "/a.crt", std::chrono::system_clock::from_time_t(0)}};
  EXPECT_EQ(HealthBody({}, &none, expired),
            R"({"endpoints":[],"certificates":[{"endpoint":"a","file":"/a.crt","expired":"1970-01-01T00:00:00Z"}]})");
  EXPECT_EQ(HealthBody({}, nullptr, expired), "{}");
}

TEST(HealthBody, AddsTheEndpointsThatAreLate) {
  std::vector<broker::EndpointStatus> all = {Healthy("fine"), Healthy("open"), Healthy("old"), Healthy("dead")};
  all[1].breaker = broker::BreakerState::kOpen;
  all[2].oldest_pending = std::chrono::minutes(2);
  all[2].pending = 5;
  all[3].dead_letters = 1;
  const json body = json::parse(HealthBody({}, &all));
  ASSERT_EQ(body["endpoints"].size(), 3u);
  EXPECT_EQ(body["endpoints"][0]["breaker"], "open");
  EXPECT_EQ(body["endpoints"][1]["oldest_pending_seconds"], 120.0);
  EXPECT_EQ(body["endpoints"][1]["pending"], 5);
  EXPECT_EQ(body["endpoints"][2]["dead_letters"], 1);
}

}  // namespace
}  // namespace portcall::app
