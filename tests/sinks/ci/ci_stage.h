#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "sinks/ci/ci_sink.h"
#include "tests/sinks/ci/ci_world.h"
#include "tests/support/loop_runner.h"
#include "tests/support/scripted_server.h"

namespace portcall::sinks {

// A ci sink on a loop of its own, and the system that it starts builds in.
class CiSinkTest : public ::testing::Test {
 protected:
  CiSinkTest() : log_({runtime::Level::kFatal, "text", {}}) {}
  ~CiSinkTest() override {
    runner_.Call([this] { sink_.reset(); });
  }
  void Make(config::Endpoint endpoint) {
    endpoint.url = server_.url("");
    runner_.Call([&] {
      auto made = MakeCi(endpoint, {runner_.executor(), resolver_, log_, lanes_});
      if (!made) throw std::runtime_error(made.error().detail);
      sink_ = std::move(*made);
    });
  }
  void MakeGitea(config::Endpoint endpoint = Gitea()) { Make(std::move(endpoint)); }
  static config::Endpoint Gitea() {
    return testing::Endpoint("gitea", {{"project", "o/r"}, {"workflow", "w.yml"}, {"token", "s3cret-token"}});
  }
  Outcome Deliver(const store::Event& event = testing::PushOf("team/app", "v1")) {
    return runner_.Run(sink_->Deliver({{std::make_shared<const store::Event>(event)}, 1}));
  }
  std::string Trouble() {
    return runner_.Call([this] { return sink_->Trouble(); });
  }
  Outcome Answered(portcall::testing::Reply reply) {
    server_.Enqueue(std::move(reply));
    return Deliver();
  }

  portcall::testing::ScriptedServer server_;
  runtime::Lanes lanes_;
  http::Resolver resolver_;
  runtime::Log log_;
  std::unique_ptr<Sink> sink_;
  portcall::testing::LoopRunner runner_;
};

}  // namespace portcall::sinks
