#include "app/admin/admin_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <thread>
#include <utility>

#include "app/client/admin_client.h"
#include "store/event_log.h"
#include "tests/app/fake_control.h"
#include "tests/support/loop_runner.h"
#include "tests/support/temp_dir.h"

namespace portcall::app {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// A server whose changes, and whose store, do not answer until they may.
class AdminServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store::StoreOptions options;
    options.database = folder_.path() / "portcall.db";
    options.reserve_bytes = 0;
    store_ = *store::Store::Open(std::move(options), pool_);
    control_.before_drop = [this](std::int64_t) {
      ++begun_;
      held_.wait();
    };
    socket_ = folder_.path() / "it.sock";
    server_ = *AdminServer::Listen(socket_,
                                   {{control_, *store_}, [this] { return audits_.load(); }, log_, runner_.loop(), 1s});
    server_->Open();
  }
  void TearDown() override {
    Release();
    server_.reset();
    store_->Close();
    pool_.join();
    runner_.Stop();
  }
  void Release() {
    if (!std::exchange(released_, true)) release_.set_value();
  }
  AdminReply Call(const char* method, const std::string& target) const {
    const auto reply = AdminClient(socket_).Call(method, target);
    EXPECT_TRUE(reply) << reply.error().detail;
    return reply ? *reply : AdminReply{};
  }
  std::future<AdminReply> Start(const char* method, const std::string& target) const {
    return std::async(std::launch::async, [this, method, target] { return Call(method, target); });
  }
  std::size_t Recorded() const {
    return *store_->ReadNow([](store::Snapshot& s) -> Result<std::size_t> {
      return store::ReadEvents(s, 0, store::Head(s), {100}).events.size();
    });
  }

  testing::TempDir folder_;
  asio::thread_pool pool_{2};
  std::unique_ptr<store::Store> store_;
  FakeControl control_;
  std::promise<void> release_;
  std::shared_future<void> held_ = release_.get_future().share();
  bool released_ = false;
  std::atomic<int> begun_ = 0;
  std::atomic<bool> audits_ = true;
  runtime::Log log_{runtime::LogOptions{}};
  std::filesystem::path socket_;
  testing::LoopRunner runner_;
  std::unique_ptr<AdminServer> server_;
};

TEST_F(AdminServerTest, ChangesThatHangKeepNobodyFromLookingAndAreAnswered) {
  std::vector<std::future<AdminReply>> changes;
  for (int i = 1; i <= 4; ++i) changes.push_back(Start("DELETE", "/api/v1/dead-letters/" + std::to_string(i)));
  while (begun_ < 2) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(Call("GET", "/api/v1/endpoints").status, 200);
  EXPECT_EQ(Call("GET", "/api/v1/endpoint").status, 404);
  int unknown = 0, undone = 0;
  for (auto& change : changes) {
    const AdminReply reply = change.get();
    EXPECT_EQ(reply.status, 503);
    if (reply.body.find("whether this is done is not known") != std::string::npos) ++unknown;
    if (reply.body.find("nothing was done") != std::string::npos) ++undone;
  }
  EXPECT_EQ(unknown, 2);
  EXPECT_EQ(undone, 2);
  Release();
  server_.reset();
  EXPECT_EQ(begun_.load(), 2) << "what was answered that it is not done is not done later";
}

TEST_F(AdminServerTest, ARefusalDoesNotWaitUntilItIsRecorded) {
  auto writes = std::async(std::launch::async, [this] {
    return store_->WriteNow([this](store::Tx&) -> Result<bool> {
      ++begun_;
      held_.wait();
      return true;
    });
  });
  while (begun_ < 1) std::this_thread::sleep_for(1ms);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Call("GET", "/api/v1/endpoint").status, 404);
  EXPECT_EQ(Call("GET", "/api/v1/endpoints").status, 200);
  Release();
  EXPECT_TRUE(writes.get());
  server_.reset();
  EXPECT_EQ(Recorded(), 5u) << "the end waits for them";
}

TEST_F(AdminServerTest, AFullLogTakesNoRefusals) {
  control_.full = true;
  EXPECT_EQ(Call("GET", "/api/v1/endpoint").status, 404);
  server_.reset();
  EXPECT_EQ(Recorded(), 0u);
}

TEST_F(AdminServerTest, WhoLeavesBeforeItIsBegunChangesNothing) {
  auto first = Start("DELETE", "/api/v1/dead-letters/1"), second = Start("DELETE", "/api/v1/dead-letters/2");
  while (begun_ < 2) std::this_thread::sleep_for(1ms);
  {
    asio::io_context context;
    asio::local::stream_protocol::socket client(context);
    client.connect({socket_.string()});
    asio::write(client, asio::buffer(std::string("DELETE /api/v1/dead-letters/3 HTTP/1.1\r\nHost: x\r\n\r\n")));
  }
  EXPECT_EQ(first.get().status, 503);
  EXPECT_EQ(second.get().status, 503);
  Release();
  server_.reset();
  EXPECT_THAT(control_.asked, ::testing::UnorderedElementsAre(HasSubstr("dead 1 "), HasSubstr("dead 2 ")));
}

}  // namespace
}  // namespace portcall::app
