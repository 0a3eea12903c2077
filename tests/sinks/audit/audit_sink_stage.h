#pragma once

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sinks/audit/log/folder_lock.h"
#include "sinks/audit/sink/audit_config.h"
#include "sinks/audit/sink/audit_sink.h"
#include "tests/sinks/audit/fixture.h"
#include "tests/support/kinds.h"
#include "tests/support/loop_runner.h"

namespace portcall::sinks {

// An audit sink on a loop of its own, which writes into the fixture's folder.
class AuditSinkTest : public audit::AuditFolder {
 protected:
  AuditSinkTest() {
    config_.origin = "registry.example.com";
    config_.directory = folder();
    endpoint_.name = "audit";
    endpoint_.source = "registry.example.com";
  }
  ~AuditSinkTest() override {
    Close();
    lanes_.Await(std::chrono::steady_clock::time_point::max());
    runner_->Stop();
  }
  Result<void> Make() {
    endpoint_.settings = std::make_shared<const AuditConfig>(config_);
    return runner_->Call([&]() -> Result<void> {
      auto made = MakeSink(endpoint_, {runner_->executor(), resolver_, log_, lanes_,
                                       [this](store::Event event) { published_.push_back(std::move(event)); }});
      if (!made) return Error(made.error());
      sink_ = std::move(*made);
      sink_->Open(receipt_);
      return {};
    });
  }
  void Close() {
    runner_->Call([this] { sink_.reset(); });
  }
  static Task<Outcome> One(Sink& sink, store::EventPtr event) {
    Batch batch;
    batch.events.push_back(std::move(event));
    co_return co_await sink.Deliver(std::move(batch));
  }
  Outcome Deliver(std::int64_t seq) { return runner_->Run(One(*sink_, audit::MakeEvent(seq))); }
  std::vector<std::future<Outcome>> DeliverAll(std::int64_t first, std::int64_t last) {
    std::vector<std::future<Outcome>> futures;
    for (std::int64_t seq = first; seq <= last; ++seq)
      futures.push_back(runner_->Start(One(*sink_, audit::MakeEvent(seq))));
    return futures;
  }
  static int Count(std::vector<std::future<Outcome>> futures, Verdict verdict) {
    int count = 0;
    for (auto& future : futures) count += portcall::testing::LoopRunner::Await(std::move(future)).verdict == verdict;
    return count;
  }
  void WaitUntilClosed() {
    for (int i = 0; i < 1000; ++i) {
      if (!audit::IsLocked(folder())) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    FAIL() << "the folder is still locked";
  }

  std::unique_ptr<portcall::testing::LoopRunner> runner_ = std::make_unique<portcall::testing::LoopRunner>();
  runtime::Lanes lanes_;
  http::Resolver resolver_;
  AuditConfig config_;
  std::string receipt_;
  config::Endpoint endpoint_ = portcall::testing::EndpointOf("audit");
  std::vector<store::Event> published_;
  std::unique_ptr<Sink> sink_;
};

}  // namespace portcall::sinks
