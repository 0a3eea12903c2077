#include "app/debug/health_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <condition_variable>
#include <fstream>
#include <future>

#include "runtime/http/server.h"
#include "tests/support/temp_dir.h"

namespace portcall::app {
namespace {

using namespace std::chrono_literals;
using config::HealthCheck;
using ::testing::ElementsAre;
using ::testing::Pair;

// Waits for the process to turn unhealthy or healthy, as the registry would hear of it.
class Turns {
 public:
  void Turn(bool healthy) {
    const std::lock_guard lock(mutex_);
    healthy_ = healthy;
    ++times_;
    changed_.notify_all();
  }
  bool Become(bool healthy) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return healthy_ == healthy; });
  }
  int times() {
    const std::lock_guard lock(mutex_);
    return times_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool healthy_ = true;
  int times_ = 0;
};

class HealthChecksTest : public ::testing::Test {
 protected:
  void Start(HealthCheck check) {
    check.interval = 5ms;
    checks_ = std::make_unique<HealthChecks>(HealthCheckDeps{health_, loops_.server(0), loops_.lanes(), log_, root_},
                                             std::vector<HealthCheck>{check});
  }
  portcall::testing::TempDir folder_;
  std::filesystem::path root_ = folder_.path() / "root";
  runtime::Log log_{{runtime::Level::kFatal, "text", {}}};
  Turns turns_;
  Health health_{[this](bool healthy) { turns_.Turn(healthy); }};
  runtime::Loops loops_{1, 1};
  std::unique_ptr<HealthChecks> checks_;
};

TEST_F(HealthChecksTest, StorageThatIsGoneFailsUntilItIsBack) {
  Start({});
  ASSERT_TRUE(turns_.Become(false));
  EXPECT_THAT(health_.failing(), ElementsAre(Pair("storagedriver_filesystem", ::testing::HasSubstr(root_.string()))));
  std::filesystem::create_directory(root_);
  EXPECT_TRUE(turns_.Become(true));
}

TEST_F(HealthChecksTest, FailuresCountInARowAndNobodyHearsBelowTheThreshold) {
  constexpr int kThreshold = 3, kOften = 10 * kThreshold;
  std::atomic<bool> down = false;
  std::promise<void> often;
  int asked = 0;  // on the loop
  http::ServerOptions options;
  options.addr = "127.0.0.1:0";
  options.handler = [&](http::Request&) -> Task<http::Response> {
    if (++asked == kOften) often.set_value();
    http::Response response;
    response.status = down || asked % kThreshold != 0 ? 500 : 200;
    co_return response;
  };
  auto server = http::Server::Listen(std::move(options), {&loops_.server(0)});
  ASSERT_TRUE(server);
  (*server)->Open();
  HealthCheck check;
  check.kind = HealthCheck::Kind::kHttp;
  check.target = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/";
  check.threshold = kThreshold;
  Start(check);
  ASSERT_EQ(often.get_future().wait_for(20s), std::future_status::ready);
  EXPECT_EQ(turns_.times(), 0);
  down = true;
  EXPECT_TRUE(turns_.Become(false));
  checks_.reset();
}

TEST_F(HealthChecksTest, AFileTakesTheRegistryOut) {
  HealthCheck check;
  check.kind = HealthCheck::Kind::kFile;
  check.target = folder_.File("down");
  std::ofstream(check.target) << "x";
  Start(check);
  ASSERT_TRUE(turns_.Become(false));
  EXPECT_THAT(health_.failing(), ElementsAre(Pair(check.target, "file exists")));
  std::filesystem::remove(check.target);
  EXPECT_TRUE(turns_.Become(true));
}

TEST_F(HealthChecksTest, AFileSystemThatDoesNotAnswerFailsAndHoldsUpNoEnd) {
  std::filesystem::create_directory(root_);
  std::promise<void> answers;
  (*loops_.lanes().Of("health check storagedriver_filesystem"))->Post([held = answers.get_future().share()] {
    held.wait();
  });
  HealthCheck check;
  check.timeout = 10ms;
  Start(check);
  EXPECT_TRUE(turns_.Become(false));
  EXPECT_THAT(health_.failing(),
              ElementsAre(Pair("storagedriver_filesystem", ::testing::HasSubstr("does not answer"))));
  checks_.reset();
  Start(check);
  checks_.reset();  // while one of its looks is under way, perhaps
  answers.set_value();
  Start(check);
  EXPECT_TRUE(turns_.Become(true));
}

TEST_F(HealthChecksTest, ADroppedCheckFailsNoLonger) {
  Start({});
  ASSERT_TRUE(turns_.Become(false));
  checks_.reset();
  EXPECT_TRUE(health_.healthy());
}

TEST_F(HealthChecksTest, AnUnexpectedStatusFails) {
  std::atomic<int> status = 500;
  http::ServerOptions options;
  options.addr = "127.0.0.1:0";
  options.handler = [&status](http::Request&) -> Task<http::Response> {
    http::Response response;
    response.status = status;
    co_return response;
  };
  auto server = http::Server::Listen(std::move(options), {&loops_.server(0)});
  ASSERT_TRUE(server);
  (*server)->Open();
  HealthCheck check;
  check.kind = HealthCheck::Kind::kHttp;
  check.target = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/ping";
  Start(check);
  ASSERT_TRUE(turns_.Become(false));
  EXPECT_THAT(health_.failing(), ElementsAre(Pair(check.target, "unexpected status: 500")));
  status = 200;
  EXPECT_TRUE(turns_.Become(true));

  check.kind = HealthCheck::Kind::kTcp;
  check.target = "127.0.0.1:" + std::to_string((*server)->port());
  checks_.reset();
  server->reset();
  Start(check);
  EXPECT_TRUE(turns_.Become(false));
  checks_.reset();
}

// Connections are made, and nothing is ever said.
class SilentPort {
 public:
  SilentPort() : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {}
  std::string address() const { return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  void AwaitConnection() { connection_ = acceptor_.accept(); }

 private:
  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  asio::ip::tcp::socket connection_{context_};
};

TEST_F(HealthChecksTest, TheEndWaitsForNobody) {
  SilentPort silent;
  HealthCheck check;
  check.kind = HealthCheck::Kind::kHttp;
  check.target = "http://" + silent.address() + "/";
  check.timeout = 1h;
  Start(check);
  silent.AwaitConnection();
  const auto begun = std::chrono::steady_clock::now();
  checks_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
  EXPECT_TRUE(health_.healthy());
}

}  // namespace
}  // namespace portcall::app
