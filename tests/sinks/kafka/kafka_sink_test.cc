#include "sinks/kafka/kafka_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "runtime/http/resolver.h"
#include "sinks/formats/docker.h"
#include "sinks/kafka/kafka_config.h"
#include "tests/sinks/kafka/cluster.h"
#include "tests/support/loop_runner.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using portcall::testing::LoopRunner;
using portcall::testing::MockCluster;
using portcall::testing::Record;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

store::EventPtr EventOf(store::Seq seq, std::string repository = "team/app", std::string tag = "v1") {
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

class KafkaSinkTest : public ::testing::Test {
 protected:
  KafkaSinkTest() : pool_(2), resolver_(pool_), log_({runtime::Level::kFatal, "text", {}}) {
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
    pool_.join();
  }

  Result<void> Make() {
    endpoint_.settings = std::make_shared<KafkaConfig>(kafka_);
    return runner_.Call([&]() -> Result<void> {
      auto made = MakeKafka(endpoint_, {runner_.executor(), resolver_, log_, pool_});
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
  Outcome Deliver(store::EventPtr event) { return LoopRunner::Await(Start(std::move(event))); }
  std::string Trouble() {
    return runner_.Call([&] { return sink_->Trouble(); });
  }
  // Waits until what `get` says pleases `fits`; gives the last one.
  template <class G, class F>
  auto Until(G get, F fits) {
    const auto until = std::chrono::steady_clock::now() + 15s;
    auto seen = get();
    while (!fits(seen) && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(5ms);
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

  MockCluster cluster_;
  KafkaConfig kafka_;
  config::Endpoint endpoint_;
  LoopRunner runner_;
  asio::thread_pool pool_;
  http::Resolver resolver_;
  runtime::Log log_;
  std::unique_ptr<Sink> sink_;

 private:
  Task<Outcome> Deliver(Batch batch) { co_return co_await sink_->Deliver(std::move(batch)); }
};

MATCHER_P(Is, verdict, "") {
  *result_listener << "verdict " << static_cast<int>(arg.verdict) << ", error '" << arg.error << "'";
  return arg.verdict == verdict;
}

// First appearances of each key's records go up, and all of 1…count are there.
void ExpectOrder(const std::vector<Record>& records, int count) {
  std::map<std::string, int> last;
  std::set<int> seen;
  for (const Record& record : records) {
    const int seq = std::stoi(record.headers.at("seq"));
    if (!seen.insert(seq).second) continue;
    EXPECT_GT(seq, last[record.key]) << "overtaken in " << record.key;
    last[record.key] = seq;
  }
  EXPECT_THAT(seen, SizeIs(count));
}

TEST_F(KafkaSinkTest, DeliversAnEnvelopeWithItsKeyAndHeaders) {
  ASSERT_TRUE(Make());
  const store::EventPtr event = EventOf(7);
  EXPECT_THAT(Deliver(event), Is(Verdict::kDelivered));
  const auto records = cluster_.Consume("events", 1);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].key, "registry.example/team/app");
  EXPECT_EQ(records[0].value, DockerEnvelopeV1({&event, 1}));
  EXPECT_THAT(records[0].headers,
              UnorderedElementsAre(Pair("content-type", kDockerV1), Pair("ce_id", "id-7"), Pair("seq", "7")));
}

TEST_F(KafkaSinkTest, DeliversCloudEventsInBinaryMode) {
  endpoint_.format = "cloudevents";
  ASSERT_TRUE(Make());
  EXPECT_THAT(Deliver(EventOf(7)), Is(Verdict::kDelivered));
  const auto records = cluster_.Consume("events", 1);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_THAT(
      records[0].headers,
      UnorderedElementsAre(Pair("content-type", "application/json"), Pair("ce_id", "id-7"),
                           Pair("ce_source", "registry.example"), Pair("ce_specversion", "1.0"),
                           Pair("ce_type", "portcall.manifest.push"), Pair("ce_time", "2023-11-14T22:13:20.000000007Z"),
                           Pair("ce_subject", "team/app:v1"), Pair("ce_sequence", "00000000000000000007"),
                           Pair("ce_partitionkey", "registry.example/team/app"), Pair("seq", "7")));
  EXPECT_EQ(nlohmann::json::parse(records[0].value)["repository"], "team/app");
}

TEST_F(KafkaSinkTest, DeliversCloudEventsInStructuredMode) {
  endpoint_.format = "cloudevents-structured";
  ASSERT_TRUE(Make());
  EXPECT_THAT(Deliver(EventOf(7)), Is(Verdict::kDelivered));
  const auto records = cluster_.Consume("events", 1);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_THAT(records[0].headers,
              UnorderedElementsAre(Pair("content-type", "application/cloudevents+json; charset=UTF-8"),
                                   Pair("ce_id", "id-7"), Pair("seq", "7")));
  EXPECT_EQ(nlohmann::json::parse(records[0].value)["data"]["repository"], "team/app");
}

TEST_F(KafkaSinkTest, KeepsTheOrderOfManyAtOnce) {
  ASSERT_TRUE(Make());
  std::vector<std::future<Outcome>> sent;
  for (int i = 1; i <= 1000; ++i) sent.push_back(Start(EventOf(i, "repo-" + std::to_string(i % 7))));
  for (auto& outcome : sent) EXPECT_THAT(LoopRunner::Await(std::move(outcome)), Is(Verdict::kDelivered));
  ExpectOrder(cluster_.Consume("events", 1000), 1000);
}

TEST_F(KafkaSinkTest, AFullQueueKeepsEventsWaitingInOrder) {
  kafka_.properties.emplace_back("queue.buffering.max.messages", "10");
  ASSERT_TRUE(Make());
  std::vector<std::future<Outcome>> sent;
  for (int i = 1; i <= 500; ++i) sent.push_back(Start(EventOf(i, "repo-" + std::to_string(i % 3))));
  for (auto& outcome : sent) EXPECT_THAT(LoopRunner::Await(std::move(outcome)), Is(Verdict::kDelivered));
  ExpectOrder(cluster_.Consume("events", 500), 500);
}

TEST_F(KafkaSinkTest, ALostReplicaIsTriedAgainInsideAndDeliveredOnceInOrder) {
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                          RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
  std::vector<std::future<Outcome>> sent;
  for (int i = 2; i <= 50; ++i) sent.push_back(Start(EventOf(i)));
  for (auto& outcome : sent) EXPECT_THAT(LoopRunner::Await(std::move(outcome)), Is(Verdict::kDelivered));
  const auto records = cluster_.Consume("events", 51, 2s);
  EXPECT_THAT(records, SizeIs(50)) << "once each";
  ExpectOrder(records, 50);
}

TEST_F(KafkaSinkTest, AMissingRightIsNamedAndTheEventsWaitInOrder) {
  cluster_.MakeTopic("dead", 1);
  kafka_.dead_letter_topic = "dead";
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  std::vector<std::future<Outcome>> sent;
  for (int i = 2; i <= 4; ++i) sent.push_back(Start(EventOf(i)));
  std::vector<Outcome> outcomes;
  for (auto& outcome : sent) outcomes.push_back(LoopRunner::Await(std::move(outcome)));
  for (const Outcome& outcome : outcomes) EXPECT_THAT(outcome, Is(Verdict::kFailed));
  EXPECT_THAT(outcomes.front().error, HasSubstr("topic events: not authorized to write: grant WRITE"));
  // The right is there now, and a probe finds it.
  const Outcome again = Until([&] { return Deliver(EventOf(2)); },
                              [](const Outcome& outcome) { return outcome.verdict == Verdict::kDelivered; });
  EXPECT_THAT(again, Is(Verdict::kDelivered));
  for (int i = 3; i <= 4; ++i) EXPECT_THAT(Deliver(EventOf(i)), Is(Verdict::kDelivered));
  ExpectOrder(cluster_.Consume("events", 4), 4);
  EXPECT_THAT(cluster_.Consume("dead", 1, 200ms), IsEmpty());
}

TEST_F(KafkaSinkTest, TheBrokersSayWhatIsTooLarge) {
  ASSERT_TRUE(Make());
  auto event = std::make_shared<store::Event>(*EventOf(1));
  event->actor = std::string(5'000'000, 'a');
  EXPECT_THAT(Deliver(event), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  event = std::make_shared<store::Event>(*EventOf(2));
  event->actor = std::string(5'000'000, 'a');
  EXPECT_THAT(Deliver(event), Is(Verdict::kUndeliverable));
}

TEST_F(KafkaSinkTest, ARefusedRecordIsUndeliverableAndLaterOnesAreDelivered) {
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_INVALID_RECORD});
  EXPECT_THAT(Deliver(EventOf(2)), Is(Verdict::kUndeliverable));
  EXPECT_THAT(Deliver(EventOf(3)), Is(Verdict::kDelivered));
}

TEST_F(KafkaSinkTest, ABatchRefusedForItsSizeCondemnsNoneOfItsEvents) {
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  auto second = Start(EventOf(2)), third = Start(EventOf(3));
  EXPECT_THAT(LoopRunner::Await(std::move(second)), Is(Verdict::kFailed));
  EXPECT_THAT(LoopRunner::Await(std::move(third)), Is(Verdict::kFailed));
  EXPECT_THAT(Deliver(EventOf(2)), Is(Verdict::kDelivered));
  EXPECT_THAT(Deliver(EventOf(3)), Is(Verdict::kDelivered));
  ExpectOrder(cluster_.Consume("events", 3), 3);
}

TEST_F(KafkaSinkTest, AnEventThatIsTooLargeIsUndeliverable) {
  kafka_.properties.emplace_back("message.max.bytes", "2000");
  ASSERT_TRUE(Make());
  const Outcome outcome = Deliver(EventOf(1, std::string(3000, 'r')));
  EXPECT_THAT(outcome, Is(Verdict::kUndeliverable));
  EXPECT_THAT(outcome.error, HasSubstr("too large"));
  EXPECT_FALSE(outcome.maybe_received);
  EXPECT_THAT(Deliver(EventOf(2)), Is(Verdict::kDelivered));
}

TEST_F(KafkaSinkTest, ADeadLetterGoesToItsTopicWithTheReason) {
  cluster_.MakeTopic("dead", 1);
  kafka_.dead_letter_topic = "dead";
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  const std::int32_t partition = cluster_.Consume("events", 1).at(0).partition;
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_INVALID_RECORD});
  EXPECT_THAT(Deliver(EventOf(2)), Is(Verdict::kUndeliverable));
  const auto dead = cluster_.Consume("dead", 1);
  ASSERT_THAT(dead, SizeIs(1));
  EXPECT_EQ(dead[0].key, "registry.example/team/app");
  EXPECT_THAT(dead[0].value, HasSubstr("id-2"));
  EXPECT_THAT(dead[0].headers, IsSupersetOf({Pair(std::string("portcall-topic"), std::string("events")),
                                             Pair(std::string("portcall-partition"), std::to_string(partition)),
                                             Pair(std::string("ce_id"), std::string("id-2")),
                                             Pair(std::string("seq"), std::string("2"))}));
  EXPECT_THAT(dead[0].headers.at("portcall-error"), HasSubstr("events"));
}

TEST_F(KafkaSinkTest, ATooLargeDeadLetterGoesWithoutItsBody) {
  cluster_.MakeTopic("dead", 1);
  kafka_.dead_letter_topic = "dead";
  kafka_.properties.emplace_back("message.max.bytes", "5000");
  ASSERT_TRUE(Make());
  auto event = std::make_shared<store::Event>(*EventOf(1));
  event->actor = std::string(6000, 'a');
  EXPECT_THAT(Deliver(event), Is(Verdict::kUndeliverable));
  const auto dead = cluster_.Consume("dead", 1);
  ASSERT_THAT(dead, SizeIs(1));
  EXPECT_EQ(dead[0].value, "");
  EXPECT_EQ(dead[0].headers.at("ce_id"), "id-1");
}

TEST_F(KafkaSinkTest, AMissingTopicIsNamedAndTheEventStays) {
  cluster_.FailTopic("events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  kafka_.properties.emplace_back("topic.metadata.propagation.max.ms", "0");
  ASSERT_TRUE(Make());
  const Outcome outcome = Deliver(EventOf(1));
  EXPECT_THAT(outcome, Is(Verdict::kFailed));
  EXPECT_THAT(outcome.error, HasSubstr("topic events does not exist"));
}

TEST_F(KafkaSinkTest, WaitsForBrokersAndSaysSo) {
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  cluster_.Down();
  std::vector<std::future<Outcome>> sent;
  for (int i = 2; i <= 20; ++i) sent.push_back(Start(EventOf(i)));
  EXPECT_THAT(
      Until([&] { return Trouble(); }, [](const std::string& t) { return t.find("refused") != std::string::npos; }),
      HasSubstr("127.0.0.1"));
  for (auto& outcome : sent) EXPECT_EQ(outcome.wait_for(0s), std::future_status::timeout) << "it waits";
  cluster_.Up();
  for (auto& outcome : sent) EXPECT_THAT(LoopRunner::Await(std::move(outcome)), Is(Verdict::kDelivered));
  EXPECT_THAT(Trouble(), IsEmpty());
  ExpectOrder(cluster_.Consume("events", 20), 20);
}

TEST_F(KafkaSinkTest, AbortEndsWhatIsUnderWay) {
  ASSERT_TRUE(Make());
  cluster_.Down();
  kafka_.properties.emplace_back("queue.buffering.max.messages", "5");
  std::vector<std::future<Outcome>> sent;
  for (int i = 1; i <= 20; ++i) sent.push_back(Start(EventOf(i)));
  runner_.Call([&] { sink_->Abort(); });
  for (auto& outcome : sent) EXPECT_THAT(LoopRunner::Await(std::move(outcome)), Is(Verdict::kFailed));
  EXPECT_THAT(Deliver(EventOf(21)), Is(Verdict::kFailed));
}

TEST_F(KafkaSinkTest, AnInterruptEndsWhatIsUnderWayAndNothingElse) {
  kafka_.properties.emplace_back("queue.buffering.max.messages", "5");
  ASSERT_TRUE(Make());
  cluster_.Down();
  std::vector<std::future<Outcome>> sent;
  for (int i = 1; i <= 20; ++i) sent.push_back(Start(EventOf(i)));
  runner_.Call([&] { sink_->Interrupt(); });
  for (auto& outcome : sent) EXPECT_THAT(LoopRunner::Await(std::move(outcome)), Is(Verdict::kFailed));
  EXPECT_THAT(Trouble(), IsEmpty());
  cluster_.Up();
  for (int i = 1; i <= 20; ++i) EXPECT_THAT(Deliver(EventOf(i)), Is(Verdict::kDelivered));
  ExpectOrder(cluster_.Consume("events", 20), 20);  // and nothing of what was interrupted comes
}

TEST_F(KafkaSinkTest, RefusesWhatCannotWork) {
  const auto with = [&](const std::string& name, const std::string& value) {
    kafka_.properties = {{name, value}};
    return Refusal();
  };
  EXPECT_THAT(with("acks", "1"),
              HasSubstr("endpoint stream: properties: acks cannot be set here: an event is settled"));
  EXPECT_THAT(with("sasl.password", "hunter2"), HasSubstr("sasl.password cannot be set here: write it below sasl"));
  EXPECT_THAT(with("no.such.thing", "1"), HasSubstr("Kafka property no.such.thing"));
  EXPECT_THAT(with("linger.ms", "soon"), HasSubstr("linger.ms"));
  EXPECT_THAT(with("ssl.ca.location", "/nowhere"), HasSubstr("tls.ca"));
  kafka_.properties.clear();
  kafka_.tls = true;
  endpoint_.ca = "/nowhere/ca.pem";
  EXPECT_THAT(Refusal(), HasSubstr("/nowhere/ca.pem"));
  kafka_.tls = false;
  kafka_.topic = "with space";
  EXPECT_THAT(Refusal(), HasSubstr("'with space' is not a name that Kafka takes"));
  kafka_.topic = "{{repository}}";
  EXPECT_THAT(Refusal(), HasSubstr("topic: {{repository}} is not known here"));
}

TEST_F(KafkaSinkTest, NeverShowsASecret) {
  kafka_.properties = {{"ssl.key.password", "hunter2"}, {"ssl.key.pem", "hunter2"}};
  kafka_.tls = true;
  EXPECT_THAT(Refusal(), ::testing::Not(HasSubstr("hunter2")));
  kafka_.properties = {{"sasl.oauthbearer.client.secret", std::string("hunter2\x01")}};
  EXPECT_THAT(Refusal(), ::testing::Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace portcall::sinks
