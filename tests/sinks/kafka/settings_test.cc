#include "sinks/kafka/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "sinks/kafka/kafka_config.h"

namespace portcall::sinks {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

config::Endpoint EndpointOf(KafkaConfig kafka) {
  kafka.brokers = {"a:9092", "b:9092"};
  config::Endpoint endpoint;
  endpoint.settings = std::make_shared<KafkaConfig>(std::move(kafka));
  return endpoint;
}

// As librdkafka sees them: of several of one name the last counts.
std::map<std::string, std::string> Effective(const config::Endpoint& endpoint) {
  auto settings = MakeKafkaSettings(endpoint);
  if (!settings) throw std::runtime_error(settings.error().detail);
  std::map<std::string, std::string> effective;
  for (const auto& [name, value] : *settings) effective[name] = value;
  return effective;
}

TEST(KafkaSettingsTest, PromisesDurabilityAndOrderByDefault) {
  EXPECT_THAT(Effective(EndpointOf({})),
              AllOf(Contains(Pair("bootstrap.servers", "a:9092,b:9092")), Contains(Pair("acks", "all")),
                    Contains(Pair("enable.idempotence", "true")), Contains(Pair("message.timeout.ms", "0")),
                    Contains(Pair("partitioner", "murmur2_random")), Contains(Pair("client.id", "portcall")),
                    Contains(Pair("allow.auto.create.topics", "false")), Contains(Pair("compression.codec", "none")),
                    Contains(Pair("security.protocol", "plaintext"))));
}

TEST(KafkaSettingsTest, PropertiesOverrideDefaults) {
  KafkaConfig kafka;
  kafka.properties = {{"linger.ms", "50"}, {"partitioner", "consistent_random"}, {"client.id", "mine"}};
  EXPECT_THAT(Effective(EndpointOf(kafka)),
              AllOf(Contains(Pair("linger.ms", "50")), Contains(Pair("partitioner", "consistent_random")),
                    Contains(Pair("client.id", "mine"))));
}

TEST(KafkaSettingsTest, TlsAndSaslMakeTheProtocol) {
  KafkaConfig kafka;
  kafka.tls = true;
  config::Endpoint endpoint = EndpointOf(kafka);
  endpoint.ca = "ca.pem";
  endpoint.certificate = "client.pem";
  endpoint.key = "client.key";
  EXPECT_THAT(
      Effective(endpoint),
      AllOf(Contains(Pair("security.protocol", "ssl")), Contains(Pair("ssl.ca.location", "ca.pem")),
            Contains(Pair("ssl.certificate.location", "client.pem")), Contains(Pair("ssl.key.location", "client.key")),
            Contains(Pair("ssl.endpoint.identification.algorithm", "https")),
            Not(Contains(Key("enable.ssl.certificate.verification")))));
  kafka.sasl_mechanism = "SCRAM-SHA-256";
  kafka.username = "u";
  kafka.password = "p";
  endpoint = EndpointOf(kafka);
  endpoint.insecure_skip_verify = true;
  EXPECT_THAT(Effective(endpoint),
              AllOf(Contains(Pair("security.protocol", "sasl_ssl")), Contains(Pair("sasl.mechanism", "SCRAM-SHA-256")),
                    Contains(Pair("sasl.username", "u")), Contains(Pair("sasl.password", "p")),
                    Contains(Pair("enable.ssl.certificate.verification", "false"))));
  kafka.tls = false;
  EXPECT_THAT(Effective(EndpointOf(kafka)), Contains(Pair("security.protocol", "sasl_plaintext")));
}

TEST(KafkaSettingsTest, RefusesPropertiesThatAreNotTheirs) {
  for (const char* name :
       {"bootstrap.servers", "metadata.broker.list", "acks", "request.required.acks", "enable.idempotence",
        "message.timeout.ms", "delivery.timeout.ms", "security.protocol", "sasl.mechanisms", "sasl.username",
        "sasl.password", "ssl.ca.location", "ssl.key.location", "compression.type", "transactional.id", "retries"}) {
    KafkaConfig kafka;
    kafka.properties = {{name, "x-secret-x"}};
    auto settings = MakeKafkaSettings(EndpointOf(kafka));
    ASSERT_FALSE(settings) << name;
    EXPECT_THAT(settings.error().detail, AllOf(HasSubstr(name), Not(HasSubstr("x-secret-x"))));
  }
}

TEST(KafkaSettingsTest, WantsABroker) {
  config::Endpoint endpoint;
  EXPECT_FALSE(MakeKafkaSettings(endpoint));
  endpoint.settings = std::make_shared<KafkaConfig>();
  auto settings = MakeKafkaSettings(endpoint);
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().detail, HasSubstr("brokers is missing"));
}

}  // namespace
}  // namespace portcall::sinks
