#include "app/debug/debug_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/gauge.h>

#include <nlohmann/json.hpp>

#include "runtime/http/client.h"
#include "tests/support/loop_runner.h"

namespace portcall::app {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

class DebugServerTest : public ::testing::Test {
 protected:
  DebugServerTest() {
    config::DebugConfig debug;
    debug.addr = "127.0.0.1:0";
    debug.prometheus = true;
    debug.prometheus_path = "/debug/metrics";
    DebugSources sources{health_,
                         metrics_,
                         pool_,
                         [this] { return endpoints_; },
                         [] { return std::make_shared<const config::Config>(); },
                         [this] { metrics_.Level("refreshed", "for the test").Increment(); },
                         [this] { return ready_.load(); },
                         {"portcall", "serve"},
                         {},
                         [this] { return trouble_; }};
    auto server = DebugServer::Listen(debug, std::move(sources), loop_);
    if (!server) throw std::runtime_error(server.error().detail);
    server_ = std::move(*server);
    server_->Open();
    http::ClientOptions options;
    options.url = *http::ParseUrl("http://127.0.0.1:" + std::to_string(server_->port()) + "/");
    options.keep_body = 60'000;
    client_ = std::make_unique<http::Client>(runner_.executor(), resolver_, std::move(options));
  }
  ~DebugServerTest() override {
    runner_.Call([this] { client_.reset(); });
  }
  http::Incoming Ask(const std::string& method, const std::string& target) {
    const std::string head = method + " " + target + " HTTP/1.1\r\nHost: debug\r\n";
    auto answer = runner_.Run(client_->Send({head, {}, true}, 10s));
    if (!answer) throw std::runtime_error(answer.error().detail);
    return *answer;
  }

  asio::thread_pool pool_{2};
  http::Resolver resolver_;
  Health health_{[](bool) {}};
  runtime::Metrics metrics_;
  std::vector<broker::EndpointStatus> endpoints_;
  std::atomic<bool> ready_ = true;
  std::optional<std::string> trouble_;
  runtime::Loop loop_{"debug"};
  std::unique_ptr<DebugServer> server_;
  std::unique_ptr<http::Client> client_;
  portcall::testing::LoopRunner runner_;
};

TEST_F(DebugServerTest, HealthFollowsTheChecks) {
  EXPECT_EQ(Ask("GET", "/debug/health").status, 200);
  EXPECT_EQ(Ask("GET", "/debug/health").body, "{}");
  health_.Fail("storagedriver_filesystem", "gone");
  const http::Incoming answer = Ask("GET", "/debug/health");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(json::parse(answer.body), json({{"storagedriver_filesystem", "gone"}}));
  EXPECT_EQ(Ask("GET", "/readyz").status, 503);
  EXPECT_EQ(Ask("GET", "/livez").status, 200);
}

TEST_F(DebugServerTest, ItIsNotReadyWhileNothingCanBeStored) {
  EXPECT_EQ(Ask("GET", "/readyz").status, 200);
  trouble_ = "the volume does not answer";
  EXPECT_EQ(Ask("GET", "/readyz").status, 503);
  EXPECT_THAT(Ask("GET", "/readyz").body, HasSubstr("the volume does not answer"));
  EXPECT_EQ(Ask("GET", "/livez").status, 200);
  trouble_.reset();
  EXPECT_EQ(Ask("GET", "/readyz").status, 200);
}

TEST_F(DebugServerTest, AnOperatorTakesItOutAndBack) {
  EXPECT_EQ(Ask("GET", "/debug/health/down").status, 404);
  EXPECT_EQ(Ask("POST", "/debug/health/down").status, 200);
  EXPECT_EQ(Ask("GET", "/debug/health").status, 503);
  EXPECT_EQ(Ask("POST", "/debug/health/up").status, 200);
  EXPECT_EQ(Ask("GET", "/debug/health").status, 200);
  EXPECT_EQ(Ask("POST", "/debug/health").status, 404);
}

TEST_F(DebugServerTest, LatenessIsShownAndMakesNothingUnhealthy) {
  broker::EndpointStatus late;
  late.name = "ci";
  late.breaker = broker::BreakerState::kOpen;
  endpoints_ = {late};
  const http::Incoming answer = Ask("GET", "/debug/health?verbose");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json::parse(answer.body)["endpoints"][0]["name"], "ci");
  EXPECT_EQ(Ask("GET", "/debug/health").body, "{}");
}

TEST_F(DebugServerTest, DrainingIsNotReady) {
  EXPECT_EQ(Ask("GET", "/readyz").status, 200);
  ready_ = false;
  EXPECT_EQ(Ask("GET", "/readyz").status, 503);
  EXPECT_EQ(Ask("GET", "/livez").status, 200);
}

TEST_F(DebugServerTest, ShowsVariablesAndFreshMetrics) {
  const json vars = json::parse(Ask("GET", "/debug/vars").body);
  EXPECT_EQ(vars["cmdline"], json({"portcall", "serve"}));
  EXPECT_THAT(Ask("GET", "/debug/metrics").body, HasSubstr("refreshed 1"));
  EXPECT_THAT(Ask("GET", "/debug/metrics").body, HasSubstr("refreshed 2"));
  EXPECT_EQ(Ask("GET", "/metrics").status, 404);
  EXPECT_EQ(Ask("GET", "/").status, 404);
}

}  // namespace
}  // namespace portcall::app
