// What references (${env:…}, ${file:…}) brought into an entry is shown nowhere.

#include <gmock/gmock.h>

#include "sinks/kafka/kafka_config.h"
#include "sinks/kafka/kafka_sink.h"
#include "tests/sinks/kafka/cluster.h"
#include "tests/support/loop_runner.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using portcall::testing::LoopRunner;
using portcall::testing::MockCluster;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class KafkaHiddenTest : public ::testing::Test {
 protected:
  KafkaHiddenTest() {
    ::testing::internal::CaptureStderr();
    log_ = std::make_unique<runtime::Log>(runtime::LogOptions{runtime::Level::kDebug, "text", {}});
    endpoint_.name = "stream";
    endpoint_.format = "docker-v1";
    kafka_.topic = "events";
    kafka_.properties = {{"reconnect.backoff.ms", "20"}, {"reconnect.backoff.max.ms", "50"}};
  }
  ~KafkaHiddenTest() override {
    runner_.Call([this] { sink_.reset(); });
    lanes_.Await(std::chrono::steady_clock::time_point::max());
    if (log_) Said();
  }
  Result<void> Make() {
    endpoint_.settings = std::make_shared<KafkaConfig>(kafka_);
    return runner_.Call([&]() -> Result<void> {
      auto made = MakeKafka(endpoint_, {runner_.executor(), resolver_, *log_, lanes_});
      if (!made) return Error(made.error());
      sink_ = std::move(*made);
      sink_->Open("");
      return {};
    });
  }
  Task<Outcome> Deliver() {
    auto event = std::make_shared<store::Event>();
    event->seq = 1;
    event->id = "id-1";
    event->kind = store::Kind::kTag;
    event->repository = "team/app";
    event->details = "{}";
    Batch batch;
    batch.events.push_back(std::move(event));
    co_return co_await sink_->Deliver(std::move(batch));
  }
  template <class F>
  std::string Until(F get, const std::string& holds) {
    std::string seen;
    for (int i = 0; i < 6'000; ++i) {
      seen = get();
      if (seen.find(holds) != std::string::npos) break;
      std::this_thread::sleep_for(5ms);
    }
    return seen;
  }
  std::string Said() {
    log_.reset();
    return ::testing::internal::GetCapturedStderr();
  }

  LoopRunner runner_;
  runtime::Lanes lanes_;
  http::Resolver resolver_;
  config::Endpoint endpoint_;
  KafkaConfig kafka_;
  std::unique_ptr<runtime::Log> log_;
  std::unique_ptr<Sink> sink_;
};

TEST_F(KafkaHiddenTest, NamesNoBrokerThatAReferenceBrought) {
  kafka_.brokers = {"127.0.0.1:1", "127.0.0.2:1"};
  endpoint_.hidden = {"127.0.0.1:1, 127.0.0.2:1"};
  ASSERT_TRUE(Make());
  auto waiting = runner_.Start(Deliver());
  const auto trouble = [&] { return runner_.Call([&] { return sink_->Trouble(); }); };
  EXPECT_THAT(Until(trouble, "refused"), AllOf(HasSubstr("***"), HasSubstr("refused"), Not(HasSubstr("127.0.0."))));
  runner_.Call([&] { sink_->Abort(); });
  LoopRunner::Await(std::move(waiting));
  runner_.Call([&] { sink_.reset(); });
  lanes_.Await(std::chrono::steady_clock::time_point::max());
  EXPECT_THAT(Said(), AllOf(HasSubstr("librdkafka"), Not(HasSubstr("127.0.0."))));
}

TEST_F(KafkaHiddenTest, NamesNoTopicThatAReferenceBrought) {
  MockCluster cluster;
  kafka_.brokers = {cluster.bootstrap()};
  kafka_.topic = "of-the-environment";
  kafka_.properties.emplace_back("topic.metadata.propagation.max.ms", "100");
  endpoint_.hidden = {kafka_.topic};
  cluster.FailTopic("of-the-environment", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  ASSERT_TRUE(Make());
  const Outcome outcome = runner_.Run(Deliver());
  EXPECT_THAT(outcome.error, AllOf(HasSubstr("topic ***"), Not(HasSubstr("of-the-environment"))));
  runner_.Call([&] { sink_.reset(); });
  lanes_.Await(std::chrono::steady_clock::time_point::max());
  EXPECT_THAT(Said(), Not(HasSubstr("of-the-environment")));
}

TEST_F(KafkaHiddenTest, ARefusalNamesNoValueThatAReferenceBrought) {
  kafka_.brokers = {"127.0.0.1:1"};
  kafka_.properties = {{"linger.ms", "t0psecret"}};
  endpoint_.hidden = {"t0psecret"};
  const auto made = Make();
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().detail, AllOf(HasSubstr("linger.ms"), Not(HasSubstr("t0psecret"))));
}

}  // namespace
}  // namespace portcall::sinks
