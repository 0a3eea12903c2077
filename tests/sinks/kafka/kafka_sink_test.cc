#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sinks/formats/docker.h"
#include "sinks/kafka/message.h"
#include "tests/sinks/kafka/kafka_sink_world.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using portcall::testing::LoopRunner;
using portcall::testing::Record;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

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

// From the moment it is made until librdkafka is done with it, whatever becomes of the producer.
TEST_F(KafkaSinkTest, ALargeValueIsThereOnceForAllWhoSendIt) {
  ASSERT_TRUE(Make());
  auto event = std::make_shared<store::Event>(*EventOf(1));
  event->actor = std::string(1'000'000, 'a');
  const store::EventPtr large = event;
  const std::string shape = KafkaMessages::Make(endpoint_)->shape();
  const auto is_there = [&] {
    return runner_.Call([&] {
      bool made = false;
      bodies_->Of(large, shape, [&] {
        made = true;
        return Encoded{};
      });
      return !made;
    });
  };
  cluster_.Down();
  auto sent = Start(large);
  EXPECT_TRUE(is_there());
  cluster_.Up();
  EXPECT_THAT(LoopRunner::Await(std::move(sent)), Is(Verdict::kDelivered));
  EXPECT_FALSE(Until(is_there, [](bool there) { return !there; }));
  EXPECT_EQ(cluster_.Consume("events", 1).at(0).value, DockerEnvelopeV1({&large, 1}));
  cluster_.Down();
  sent = Start(large);
  EXPECT_TRUE(is_there());
  runner_.Call([&] { sink_->Interrupt(); });
  EXPECT_THAT(LoopRunner::Await(std::move(sent)), Is(Verdict::kFailed));
  EXPECT_FALSE(Until(is_there, [](bool there) { return !there; }));
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
  int maybe_received = 0;
  for (auto& one : sent) {
    const Outcome outcome = LoopRunner::Await(std::move(one));
    EXPECT_THAT(outcome, Is(Verdict::kFailed));
    if (outcome.maybe_received) ++maybe_received;
  }
  EXPECT_EQ(maybe_received, 5) << "those that librdkafka had";
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
