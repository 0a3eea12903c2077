#include <gtest/gtest.h>

#include "sinks/http/webhook.h"
#include "tests/support/kinds.h"
#include "tests/support/loop_runner.h"
#include "tests/support/scripted_server.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using portcall::testing::Reply;
using portcall::testing::ScriptedServer;

// What becomes of an attempt whose connection fails it.
class WebhookConnectionTest : public ::testing::Test {
 protected:
  ~WebhookConnectionTest() override {
    runner_.Call([this] { sink_.reset(); });
  }
  config::Endpoint To(const ScriptedServer& server) {
    config::Endpoint endpoint = portcall::testing::EndpointOf("webhook");
    endpoint.name = "hook";
    endpoint.format = "docker-v1";
    endpoint.settings = std::make_shared<WebhookConfig>();
    endpoint.url = server.url();
    return endpoint;
  }
  void Make(const config::Endpoint& endpoint) {
    runner_.Call([&] { sink_ = *MakeSink(endpoint, {runner_.executor(), resolver_, log_, lanes_}); });
  }
  Outcome Deliver() {
    Batch batch;
    batch.events = {std::make_shared<const store::Event>()};
    return runner_.Run(sink_->Deliver(batch));
  }

  runtime::Lanes lanes_;
  http::Resolver resolver_;
  runtime::Log log_{{runtime::Level::kFatal, "text", {}}};
  std::unique_ptr<Sink> sink_;
  portcall::testing::LoopRunner runner_;
};

TEST_F(WebhookConnectionTest, AnAnswerIsWaitedForAsLongAsTimeout) {
  ScriptedServer silent({Reply(200).Held()});
  config::Endpoint endpoint = To(silent);
  endpoint.timeout = 2s;
  Make(endpoint);
  const Outcome late = Deliver();
  EXPECT_EQ(late.verdict, Verdict::kFailed);
  EXPECT_EQ(late.status, 0);
  EXPECT_TRUE(late.maybe_received);
  EXPECT_FALSE(late.error.empty());
}

// On a connection that was kept and is closed as the request arrives, nobody knows whether it was read.
TEST_F(WebhookConnectionTest, WhatMustNotBeSentTwiceIsNot) {
  for (const bool twice : {false, true}) {
    ScriptedServer receiver({Reply(200), Reply::Raw(""), Reply(200)});
    config::Endpoint endpoint = To(receiver);
    endpoint.retry_on_timeout = twice;
    Make(endpoint);
    EXPECT_EQ(Deliver().verdict, Verdict::kDelivered);
    const Outcome second = Deliver();
    EXPECT_EQ(second.verdict, twice ? Verdict::kDelivered : Verdict::kFailed);
    EXPECT_TRUE(second.maybe_received);
    EXPECT_EQ(receiver.requests().size(), twice ? 3u : 2u);
  }
}

}  // namespace
}  // namespace portcall::sinks
