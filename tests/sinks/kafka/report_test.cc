#include "sinks/kafka/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include "sinks/kafka/log_filter.h"
#include "sinks/kafka/topic_watch.h"

namespace portcall::sinks {
namespace {

using Stored = KafkaReport::Stored;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kDebians = 0x020002ff, kLater = 0x020601ff;

TEST(KafkaReportTest, DeliveredOnlyWhenPersisted) {
  EXPECT_EQ(OutcomeOf({0, Stored::kYes}, "t").verdict, Verdict::kDelivered);
  EXPECT_EQ(OutcomeOf({0, Stored::kPossibly}, "t").verdict, Verdict::kFailed);
  EXPECT_EQ(OutcomeOf({0, Stored::kNo}, "t").verdict, Verdict::kFailed);
  EXPECT_EQ(OutcomeOf({RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, Stored::kYes}, "t").verdict, Verdict::kFailed);
}

TEST(KafkaReportTest, SaysWhetherTheMessageMayHaveArrived) {
  EXPECT_FALSE(OutcomeOf({RD_KAFKA_RESP_ERR__PURGE_QUEUE, Stored::kNo}, "t").maybe_received);
  EXPECT_TRUE(OutcomeOf({RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, Stored::kPossibly}, "t").maybe_received);
}

TEST(KafkaReportTest, WhatNoRepetitionChangesIsUndeliverable) {
  for (const int error :
       {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_INVALID_RECORD}) {
    EXPECT_EQ(OutcomeOf({error, Stored::kNo}, "t").verdict, Verdict::kUndeliverable) << error;
  }
  for (const int error :
       {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__TRANSPORT,
        RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR_UNKNOWN, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_POLICY_VIOLATION, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
        RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT}) {
    EXPECT_EQ(OutcomeOf({error, Stored::kNo}, "t").verdict, Verdict::kFailed) << error;
  }
}

TEST(KafkaReportTest, ABatchIsRefusedForOneOfItsMessagesOrItsSize) {
  for (const int error : {RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_UNKNOWN,
                          RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP}) {
    EXPECT_TRUE(IsBatchRefused(error)) << error;
  }
  for (const int error : {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                          RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                          RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__FATAL}) {
    EXPECT_FALSE(IsBatchRefused(error)) << error;
  }
}

TEST(KafkaReportTest, AProducerThatIsNotAdmittedNamesTheMissingRight) {
  EXPECT_THAT(TextOf(KafkaFatal{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "Cluster authorization failed"}),
              HasSubstr("failed: grant IdempotentWrite on the cluster, or, to brokers of 2.8 and later, Write"));
  EXPECT_EQ(TextOf(KafkaFatal{RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, "lost"}), "lost");
}

TEST(KafkaReportTest, NamesTheTopicAndWhatToDo) {
  EXPECT_THAT(OutcomeOf({RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC}, "registry.push").error,
              HasSubstr("topic registry.push does not exist: create it"));
  EXPECT_THAT(OutcomeOf({RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED}, "t").error, HasSubstr("grant WRITE"));
}

TEST(KafkaReportTest, TroubleDropsWhatChangesFromOneTimeToTheNext) {
  EXPECT_EQ(TroubleOf(RD_KAFKA_RESP_ERR__TRANSPORT,
                      "a:9092/1: Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 3ms in state CONNECT, "
                      "2 identical error(s) suppressed)",
                      "", kDebians),
            "a:9092/1: Connect to ipv4#10.0.0.1:9092 failed: Connection refused");
}

constexpr std::string_view kRefused = "SASL authentication error: invalid credentials";

TEST(KafkaReportTest, ExplainsScramWithKafka4) {
  const auto trouble = [](std::string_view mechanism, int version, std::string_view text = kRefused) {
    return TroubleOf(RD_KAFKA_RESP_ERR__AUTHENTICATION, text, mechanism, version);
  };
  EXPECT_THAT(trouble("SCRAM-SHA-256", kDebians), HasSubstr("cannot do SCRAM with Kafka 4.0"));
  EXPECT_THAT(trouble("SCRAM-SHA-256", kLater), Not(HasSubstr("Kafka 4.0")));
  EXPECT_THAT(trouble("PLAIN", kDebians), Not(HasSubstr("Kafka 4.0")));
  EXPECT_THAT(trouble("SCRAM-SHA-512", kDebians, "Unsupported SASL mechanism"), Not(HasSubstr("Kafka 4.0")));
}

TEST(KafkaLogFilterTest, ARepeatedLineIsToldOnce) {
  KafkaLogFilter filter;
  const runtime::SteadyTime now(1h);
  EXPECT_TRUE(filter.Admit("FAIL", "connect failed (after 1ms)", now));
  EXPECT_FALSE(filter.Admit("FAIL", "connect failed (after 27ms)", now + 1s));
  EXPECT_TRUE(filter.Admit("FAIL", "no such host", now + 1s));
  EXPECT_TRUE(filter.Admit("FAIL", "connect failed (after 1ms)", now + 11min)) << "told again after a while";
  filter.Forget();
  EXPECT_TRUE(filter.Admit("FAIL", "connect failed (after 1ms)", now + 11min)) << "news after a recovery";
}

TEST(KafkaLogFilterTest, WhatComesAtEveryStartAlarmsNobody) {
  EXPECT_TRUE(IsUsual("CONFWARN", "Configuration property enable.gapless.guarantee is experimental"));
  EXPECT_TRUE(IsUsual("GETPID", "Failed to acquire idempotence PID: Broker: Coordinator load in progress: retrying"));
  EXPECT_FALSE(IsUsual("CONFWARN", "Configuration property linger.ms is deprecated"));
  EXPECT_FALSE(IsUsual("GETPID", "Failed to acquire idempotence PID: Broker: Cluster authorization failed"));
}

TEST(KafkaTopicWatchTest, FindsMissingTopicsAndChangedPartitions) {
  KafkaClient::PartitionCounts known;
  auto finding = KafkaTopicWatch::Compare(known, {{"a", 6}, {"b", 0}});
  EXPECT_THAT(finding.missing, ElementsAre("b"));
  EXPECT_THAT(finding.changed, IsEmpty());
  finding = KafkaTopicWatch::Compare(known, {{"a", 6}, {"b", 3}});
  EXPECT_THAT(finding.missing, IsEmpty());
  EXPECT_THAT(finding.changed, IsEmpty()) << "a topic that was made";
  finding = KafkaTopicWatch::Compare(known, {{"a", 12}, {"b", 3}});
  EXPECT_THAT(finding.changed, ElementsAre("a: 6, now 12"));
  EXPECT_THAT(KafkaTopicWatch::Compare(known, {{"a", 12}, {"b", 3}}).changed, IsEmpty()) << "told once";
}

}  // namespace
}  // namespace portcall::sinks
