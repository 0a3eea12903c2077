#include "sinks/kafka/kafka_kind.h"

#include "sinks/kafka/kafka_config.h"
#include "tests/config/helpers.h"

namespace portcall::sinks {
namespace {

using config::Endpoint;
using config::ExpectRefused;
using config::Finding;
using config::Good;
using config::HeaderList;
using config::kBase;
using config::Loaded;
using config::Millis;
using config::Order;
using config::Serve;
using config::Texts;
using config::WithType;

const std::string kType = "type: kafka";
const std::string kLeast = "brokers: [h:9092]\ntopic: t\n";

Endpoint Read(const std::string& lines) { return Good(Serve(WithType(kType, lines))).endpoints.at(0); }

TEST(KafkaKind, Defaults) {
  const Endpoint e = Read(kLeast);
  ASSERT_TRUE(e.As<KafkaConfig>());
  const KafkaConfig own = *e.As<KafkaConfig>();
  EXPECT_EQ(e.type(), "kafka");
  EXPECT_EQ(e.format, "cloudevents");
  EXPECT_EQ(e.timeout, Millis(30'000));
  EXPECT_EQ(e.max_age, std::chrono::hours(168));
  EXPECT_EQ(e.place, "kafka://h:9092/t");
  EXPECT_EQ(own.key, "{{repository}}");
  EXPECT_EQ(own.compression, "none");
  EXPECT_FALSE(own.tls);
  EXPECT_TRUE(own.sasl_mechanism.empty() && own.dead_letter_topic.empty() && own.properties.empty());
}

TEST(KafkaKind, EveryKeyArrives) {
  const Endpoint e = Read(R"(brokers: a:1, [::1]:2 , c.example:9093
topic: registry.{{action}}.{{ kind }}
key: '{{image}}'
deadlettertopic: registry.dead
compression: zstd
format: docker-v1
sasl: {mechanism: SCRAM-SHA-512, username: u, password: hunter2}
tls: {ca: /bin/true, certificate: /bin/echo, key: /bin/date, insecureskipverify: true}
properties: {linger.ms: 5, client.id: portcall, queue.buffering.max.messages: 5000}
timeout: 5s
maxage: 1h
order: none
ratelimit: 7)");
  const KafkaConfig own = *e.As<KafkaConfig>();
  EXPECT_EQ(own.brokers, (std::vector<std::string>{"a:1", "[::1]:2", "c.example:9093"}));
  EXPECT_EQ(e.place, "kafka://a:1,[::1]:2,c.example:9093/registry.{{action}}.{{ kind }}");
  EXPECT_EQ(own.topic, "registry.{{action}}.{{ kind }}");
  EXPECT_EQ(own.key, "{{image}}");
  EXPECT_EQ(own.dead_letter_topic, "registry.dead");
  EXPECT_EQ(own.compression, "zstd");
  EXPECT_EQ(e.format, "docker-v1");
  EXPECT_EQ(own.sasl_mechanism, "SCRAM-SHA-512");
  EXPECT_EQ(own.username, "u");
  EXPECT_EQ(own.password, "hunter2");
  EXPECT_TRUE(own.tls && e.insecure_skip_verify);
  EXPECT_EQ(e.ca + e.certificate + e.key, "/bin/true/bin/echo/bin/date");
  EXPECT_EQ(own.properties,
            (HeaderList{{"linger.ms", "5"}, {"client.id", "portcall"}, {"queue.buffering.max.messages", "5000"}}));
  EXPECT_EQ(e.timeout, Millis(5'000));
  EXPECT_EQ(e.max_age, std::chrono::hours(1));
  EXPECT_EQ(e.order, Order::kNone);
  EXPECT_DOUBLE_EQ(e.rate_limit, 7);
}

TEST(KafkaKind, AnyTlsMapTurnsItOn) {
  for (const char* lines : {"tls: {}", "tls: true", "tls: {enabled: true}", "tls: {ca: /bin/true}"}) {
    EXPECT_TRUE(Read(kLeast + lines).As<KafkaConfig>()->tls) << lines;
  }
  for (const char* lines : {"tls:", "tls: false", "tls: {enabled: false}"}) {
    EXPECT_FALSE(Read(kLeast + lines).As<KafkaConfig>()->tls) << lines;
  }
}

TEST(KafkaKind, TheKeyBeginsWithTheSourceWhereThereIsOne) {
  const std::string text =
      kBase + "notifications: {source: r.example, endpoints: [{name: a, type: kafka, " + "brokers: [h:1], topic: t}]}";
  EXPECT_EQ(Good(Serve(text)).endpoints.at(0).As<KafkaConfig>()->key, "{{source}}/{{repository}}");
}

TEST(KafkaKind, VariablesSetWhatAFileDoesNot) {
  const Loaded loaded = Serve(WithType(kType, kLeast), {{"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_SASL_PASSWORD", "hunter2"},
                                                        {"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_SASL_USERNAME", "u"},
                                                        {"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_SASL_MECHANISM", "PLAIN"},
                                                        {"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_BROKERS", "x:1,y:2"}});
  const KafkaConfig own = *Good(loaded).endpoints.at(0).As<KafkaConfig>();
  EXPECT_EQ(own.password, "hunter2");
  EXPECT_EQ(own.brokers, (std::vector<std::string>{"x:1", "y:2"}));
  EXPECT_NE(Texts(loaded).find("PLAIN sends the password"), std::string::npos);
  EXPECT_EQ(Texts(loaded).find("hunter2"), std::string::npos);
}

TEST(KafkaKind, ErrorsSayWhatWasMeant) {
  const Finding kFindings[] = {
      {"topic: t", ".brokers: is missing: write brokers: [host:9092]"},
      {"brokers: []\ntopic: t", ".brokers: is empty: write brokers: [host:9092]"},
      {"brokers: ' , '\ntopic: t", ".brokers: is empty: write brokers: [host:9092]"},
      {"brokers: [h]\ntopic: t", ".brokers: \"h\" has no port: write h:9092"},
      {"brokers: ['SASL_SSL://u:hunter2@h:1']\ntopic: t",
       ".brokers: is a URL: write host:9092; a tls map turns TLS on"},
      {"brokers: ['h:99999']\ntopic: t", ".brokers: \"99999\" is no port: ports end at 65535"},
      {"brokers: ['h:0']\ntopic: t", ".brokers: a host and a port are needed to connect"},
      {"brokers: {a: b}\ntopic: t", ".brokers: is a map where a list is wanted: write [value, value]"},
      {"brokers: [h:1]", ".topic: is missing: write topic: registry-events"},
      {"brokers: [h:1]\ntopic: t {{action}}",
       ".topic: \"t checkpoint\" is no topic's name: it holds letters, digits, . _ and -, not \" \""},
      {"brokers: [h:1]\ntopic: ..", ".topic: \"..\" is no topic's name"},
      {"brokers: [h:1]\ntopic: '" + std::string(240, 't') + "{{action}}'",
       ".topic: is longer than a topic's name may be (249 bytes)"},
      {"brokers: [h:1]\ntopic: 'x{{repository}}'",
       ".topic: {{repository}} is not known here (a topic is made of {{action}} and {{kind}} alone, so that no pushed "
       "name makes one)"},
      {"brokers: [h:1]\ntopic: 'x{{action'",
       ".topic: {{ without }} (a topic is made of {{action}} and {{kind}} alone, so that no pushed name makes one)"},
      {kLeast + "key: '{{repo}}'", ".key: {{repo}} is not known here; did you mean {{repository}}?"},
      {kLeast + "deadlettertopic: t", ".deadlettertopic: is the topic itself"},
      {"brokers: [h:1]\ntopic: 't.{{action}}'\ndeadlettertopic: t.push",
       ".deadlettertopic: 't.push' is one of the topics that events go to"},
      {kLeast + "deadlettertopic: '{{action}}'",
       ".deadlettertopic: \"{{action}}\" is no topic's name: it holds letters, digits, . _ and -, not \"{\""},
      {kLeast + "compression: zip",
       ".compression: is \"zip\"; it may be none, gzip, snappy, lz4, zstd; did you mean gzip?"},
      {kLeast + "format: harbor", ".format: is \"harbor\"; it may be cloudevents, cloudevents-structured, docker-v1"},
      {kLeast + "sasl: {username: u, password: hunter2}",
       ".sasl.mechanism: is missing: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"},
      {kLeast + "sasl: {mechanism: scram-sha-256, username: u, password: hunter2}",
       ".sasl.mechanism: is \"scram-sha-256\"; it may be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; did you mean "
       "SCRAM-SHA-256?"},
      {kLeast + "sasl: {mechanism: PLAIN, password: [hunter2]}", ".sasl.username: is missing"},
      {kLeast + "sasl: {mechanism: PLAIN, user: u}", ".sasl.user: unknown key; did you mean username?"},
      {kLeast + "tls: {certificate: /bin/true}",
       ".tls.certificate: certificate and key belong together: key is missing"},
      {kLeast + "tls: {ca: /no/such}", ".tls.ca: \"/no/such\" does not exist"},
      {kLeast + "url: http://h/", ".url: means nothing for type: kafka: only HTTP requests go to a URL"},
      {kLeast + "headers: {Authorization: hunter2}",
       ".headers: means nothing for type: kafka: only HTTP requests have it"},
      {kLeast + "concurrency: 4",
       ".concurrency: means nothing for type: kafka: events follow each other without waiting"},
      {kLeast + "directory: /x", ".directory: means nothing for type: kafka; it belongs to audit"},
      {kLeast + "hmac: {secret: hunter2}", ".hmac: means nothing for type: kafka; it belongs to webhook"},
      {kLeast + "topics: x", ".topics: unknown key; did you mean topic?"},
  };
  for (const Finding& finding : kFindings) ExpectRefused(kType, finding);
}

TEST(KafkaKind, WhatLibrdkafkaRefusesIsToldAtItsKey) {
  const auto said = [](const std::string& property) {
    return Texts(Serve(WithType(kType, kLeast + "properties: {linger.ms: 5, " + property + "}")));
  };
  EXPECT_EQ(said("linger.mss: 5"),
            "f.yml:10:46: error: notifications.endpoints[0].properties.linger.mss: Kafka property linger.mss: No such "
            "configuration property: \"linger.mss\"\n");
  EXPECT_EQ(said("retry.backoff.ms: soon")
                .find("f.yml:10:52: error: notifications.endpoints[0].properties.retry.backoff.ms: "),
            0u)
      << said("retry.backoff.ms: soon");
  EXPECT_EQ(said("log.queue: false")
                .find("f.yml:10:45: error: notifications.endpoints[0].properties.log.queue: cannot be set here"),
            0u)
      << said("log.queue: false");
  EXPECT_EQ(said("client.id: x"), "");
}

TEST(KafkaKind, PropertiesThatHaveAKeyAreRefused) {
  const std::pair<const char*, const char*> kCases[] = {
      {"bootstrap.servers", "write it as brokers"},
      {"metadata.broker.list", "write it as brokers"},
      {"acks", "an event is settled only when all replicas in sync have it"},
      {"request.required.acks", "an event is settled only when all replicas in sync have it"},
      {"enable.idempotence", "the order of a repository's events rests on it"},
      {"max.in.flight", "the order of a repository's events rests on it"},
      {"message.timeout.ms", "a record waits as long as it takes; timeout and maxage say when it is given up"},
      {"delivery.timeout.ms", "a record waits as long as it takes; timeout and maxage say when it is given up"},
      {"security.protocol", "it follows from sasl and tls"},
      {"sasl.password", "write it below sasl: mechanism, username, password"},
      {"sasl.mechanisms", "write it below sasl: mechanism, username, password"},
      {"ssl.ca.location", "write it as tls.ca"},
      {"ssl.certificate.location", "write it as tls.certificate"},
      {"ssl.key.location", "write it as tls.key"},
      {"compression.codec", "write it as compression"},
      {"compression.type", "write it as compression"},
  };
  for (const auto& [name, instead] : kCases) {
    ExpectRefused(kType, {kLeast + "properties: {" + name + ": hunter2}",
                          ".properties." + std::string(name) + ": cannot be set here: " + instead});
  }
  ExpectRefused(kType, {kLeast + "properties: {queue.buffering.max.messages: 4999}",
                        ".properties.queue.buffering.max.messages: is at least 5000: so many messages are under way at "
                        "once"});
  ExpectRefused(kType, {kLeast + "properties: {linger.ms: [hunter2]}", ".properties.linger.ms: has no single value"});
  ExpectRefused(kType, {kLeast + "properties: {\"ssl.key.password hunter2\": x}",
                        ".properties: holds what is no property's name"});
  EXPECT_EQ(Read(kLeast + "properties: {ssl.key.password: hunter2}").As<KafkaConfig>()->properties,
            (HeaderList{{"ssl.key.password", "hunter2"}}));
}

}  // namespace
}  // namespace portcall::sinks
