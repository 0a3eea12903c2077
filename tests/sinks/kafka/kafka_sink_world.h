#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/http/resolver.h"
#include "sinks/kafka/kafka_config.h"
#include "sinks/kafka/kafka_sink.h"
#include "tests/sinks/kafka/cluster.h"
#include "tests/support/loop_runner.h"

namespace portcall::sinks {

inline store::EventPtr EventOf(store::Seq seq, std::string repository = "team/app", std::string tag = "v1") {
  auto event = std::make_shared<store::Event>();
  event->seq = seq;
  event->id = "id-" + std::to_string(seq);
  event->recorded_at = 1'700'000'000'000'000'000 + seq;
  event->kind = store::Kind::kManifest;
  event->repository = std::move(repository);
  event->tag = std::move(tag);
  event->digest = "sha256:" + std::string(64, 'a');
  event->details = "{}";
  return event;
}

// A Kafka sink and a cluster for it to write to.
class KafkaSinkTest : public ::testing::Test {
 protected:
  KafkaSinkTest() : log_({runtime::Level::kFatal, "text", {}}) {
    cluster_.MakeTopic("events");
    kafka_.brokers = {cluster_.bootstrap()};
    kafka_.topic = "events";
    kafka_.properties = {
        {"reconnect.backoff.ms", "20"}, {"reconnect.backoff.max.ms", "50"}, {"retry.backoff.ms", "20"}};
    endpoint_.name = "stream";
    endpoint_.format = "docker-v1";
    endpoint_.source = "registry.example";
  }
  ~KafkaSinkTest() override {
    Stop();
    lanes_.Await(std::chrono::steady_clock::time_point::max());
  }

  Result<void> Make() {
    endpoint_.settings = std::make_shared<KafkaConfig>(kafka_);
    return runner_.Call([&]() -> Result<void> {
      auto made = MakeKafka(
          endpoint_,
          {.executor = runner_.executor(), .resolver = resolver_, .log = log_, .lanes = lanes_, .bodies = bodies_});
      if (!made) return Error(made.error());
      sink_ = std::move(*made);
      sink_->Open("");
      return {};
    });
  }
  std::string Refusal() {
    auto made = Make();
    return made ? "accepted" : made.error().detail;
  }

  std::future<Outcome> Start(store::EventPtr event) {
    Batch batch;
    batch.events.push_back(std::move(event));
    return runner_.Start(Deliver(std::move(batch)));
  }
  // In one go, so that they make one batch.
  std::vector<std::future<Outcome>> StartTogether(const std::vector<store::EventPtr>& events) {
    std::vector<std::future<Outcome>> started;
    runner_.Call([&] {
      for (const store::EventPtr& event : events) started.push_back(Start(event));
    });
    return started;
  }
  Outcome Deliver(store::EventPtr event) { return portcall::testing::LoopRunner::Await(Start(std::move(event))); }
  // As the broker does it once an event is to be given up.
  std::future<Outcome> StartSetAside(const store::EventPtr& event, const Outcome& refusal) {
    return runner_.Start(sink_->SetAside(event, std::make_shared<const Outcome>(refusal)));
  }
  Outcome SetAside(const store::EventPtr& event, const Outcome& refusal) {
    return portcall::testing::LoopRunner::Await(StartSetAside(event, refusal));
  }
  std::string Trouble() {
    return runner_.Call([&] { return sink_->Trouble(); });
  }
  // Waits until what `get` says pleases `fits`; gives the last one.
  template <class G, class F>
  auto Until(G get, F fits) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(15);
    auto seen = get();
    while (!fits(seen) && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      seen = get();
    }
    return seen;
  }
  void Stop() {
    runner_.Call([&] {
      if (sink_) sink_->Abort();
    });
    runner_.Call([&] { sink_.reset(); });
  }

  portcall::testing::MockCluster cluster_;
  KafkaConfig kafka_;
  config::Endpoint endpoint_;
  portcall::testing::LoopRunner runner_;
  runtime::Lanes lanes_;
  http::Resolver resolver_;
  runtime::Log log_;
  const std::shared_ptr<SharedBodies> bodies_ = std::make_shared<SharedBodies>();
  std::unique_ptr<Sink> sink_;

 private:
  Task<Outcome> Deliver(Batch batch) { co_return co_await sink_->Deliver(std::move(batch)); }
};

MATCHER_P(Is, verdict, "") {
  *result_listener << "verdict " << static_cast<int>(arg.verdict) << ", error '" << arg.error << "'";
  return arg.verdict == verdict;
}

// First appearances of each key's records go up, and all of 1…count are there.
inline void ExpectOrder(const std::vector<portcall::testing::Record>& records, int count) {
  std::map<std::string, int> last;
  std::set<int> seen;
  for (const portcall::testing::Record& record : records) {
    const int seq = std::stoi(record.headers.at("seq"));
    if (!seen.insert(seq).second) continue;
    EXPECT_GT(seq, last[record.key]) << "overtaken in " << record.key;
    last[record.key] = seq;
  }
  EXPECT_THAT(seen, ::testing::SizeIs(count));
}

}  // namespace portcall::sinks
