#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/address.h"
#include "config/endpoint.h"
#include "config/template.h"
#include "config/values.h"
#include "runtime/text.h"

namespace portcall::config {
namespace {

constexpr std::size_t kLongestTopic = 249;
constexpr std::int64_t kLeastQueue = 5'000;  // the window of an endpoint

// librdkafka's names of what has a key here, or must stand as it is. A prefix ends with a dot.
struct Taken {
  std::string_view property, instead;
};
constexpr std::string_view kSettled = "an event is settled only when all replicas in sync have it";
constexpr std::string_view kOrdered = "the order of a repository's events rests on it";
constexpr std::string_view kPatient = "a record waits as long as it takes; timeout and maxage say when it is given up";
constexpr std::array<Taken, 25> kTaken{{
    {"bootstrap.servers", "write it as brokers"},
    {"metadata.broker.list", "write it as brokers"},
    {"compression.codec", "write it as compression"},
    {"compression.type", "write it as compression"},
    {"security.protocol", "it follows from sasl and tls"},
    {"sasl.", "write it below sasl: mechanism, username, password"},
    {"ssl.ca.location", "write it as tls.ca"},
    {"ssl.certificate.location", "write it as tls.certificate"},
    {"ssl.key.location", "write it as tls.key"},
    {"enable.ssl.certificate.verification", "write it as tls.insecureskipverify"},
    {"ssl.endpoint.identification.algorithm", "write it as tls.insecureskipverify"},
    {"acks", kSettled},
    {"request.required.acks", kSettled},
    {"delivery.report.only.error", kSettled},
    {"enable.idempotence", kOrdered},
    {"enable.gapless.guarantee", kOrdered},
    {"queuing.strategy", kOrdered},
    {"max.in.flight", kOrdered},
    {"max.in.flight.requests.per.connection", kOrdered},
    {"message.timeout.ms", kPatient},
    {"delivery.timeout.ms", kPatient},
    {"retries", kPatient},
    {"message.send.max.retries", kPatient},
    {"transactional.id", "no transactions are made: an event's id (ce_id) tells a repeated one"},
    {"plugin.library.paths", "no code is loaded"},
}};

void ReadBrokers(Section& section, KafkaConfig& kafka) {
  const Value* node = section.Get("brokers");
  if (node == nullptr) return section.Error("brokers", "is missing: write brokers: [host:9092]");
  if (node->kind == Value::Kind::kScalar) {
    std::string_view rest = node->text;
    while (true) {
      const std::string_view broker = rest.substr(0, rest.find(','));
      if (const auto name = runtime::Trim(broker, " "); !name.empty()) kafka.brokers.emplace_back(name);
      if (broker.size() == rest.size()) break;
      rest.remove_prefix(broker.size() + 1);
    }
  } else {
    section.Read("brokers", kafka.brokers);
  }
  if (kafka.brokers.empty()) return section.Error("brokers", "is empty: write brokers: [host:9092]");
  for (const std::string& broker : kafka.brokers) {
    if (broker.find("://") != std::string::npos) {
      section.Error("brokers", "is a URL: write host:9092; a tls map turns TLS on");
    } else if (broker.find(':') == std::string::npos) {
      section.Error("brokers", Quoted(broker) + " has no port: write " + broker.substr(0, 200) + ":9092");
    } else if (const std::string why = WhyBadAddress(broker, AddressFor::kConnect); !why.empty()) {
      section.Error("brokers", why);
    }
  }
}

std::string WhyBadTopic(std::string_view topic) {
  if (topic == "." || topic == "..") return Quoted(topic) + " is no topic's name";
  const std::size_t at = topic.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
  if (at != std::string_view::npos) {
    return Quoted(topic) + " is no topic's name: it holds letters, digits, . _ and -, not " +
           Quoted(topic.substr(at, 1));
  }
  if (topic.size() > kLongestTopic) return "is longer than a topic's name may be (249 bytes)";
  return "";
}

void ReadTopics(Section& section, KafkaConfig& kafka) {
  constexpr std::array<std::string_view, 2> kWords{"action", "kind"};
  section.Read("topic", kafka.topic);
  if (kafka.topic.empty()) return section.Error("topic", "is missing: write topic: registry-events");
  if (const auto topic = Template::Parse(kafka.topic, kWords); !topic) {
    section.Error("topic", topic.error().detail +
                               " (a topic is made of {{action}} and {{kind}} alone, so that no pushed name makes one)");
  } else {
    const std::string longest =  // the longest action, and the longest kind
        topic->Render([](std::string_view word) { return word == "action" ? "checkpoint" : "repository"; });
    if (const std::string why = WhyBadTopic(longest); !why.empty()) section.Error("topic", why);
  }
  section.Read("deadlettertopic", kafka.dead_letter_topic);
  if (const std::string why = WhyBadTopic(kafka.dead_letter_topic); !why.empty()) section.Error("deadlettertopic", why);
  if (kafka.dead_letter_topic == kafka.topic) section.Error("deadlettertopic", "is the topic itself");
}

void ReadRecordKey(Section& section, const Endpoint& endpoint, KafkaConfig& kafka) {
  kafka.key = endpoint.source.empty() ? "{{repository}}" : "{{source}}/{{repository}}";
  section.Read("key", kafka.key);
  if (const auto key = Template::Parse(kafka.key, EventWords()); !key) section.Error("key", key.error().detail);
}

void ReadSasl(Section& section, KafkaConfig& kafka) {
  Section sasl = section.Sub("sasl");
  if (sasl.node() == nullptr) return;
  sasl.ReadChoice("mechanism", {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, kafka.sasl_mechanism);
  if (!sasl.Has("mechanism")) sasl.Error("mechanism", "is missing: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
  sasl.Read("username", kafka.username);
  sasl.Read("password", kafka.password);
  if (kafka.username.empty()) sasl.Error("username", "is missing");
  if (kafka.password.empty()) sasl.Error("password", "is missing");
  sasl.Finish();
  if (!kafka.tls && kafka.sasl_mechanism == "PLAIN") {
    sasl.Warn("mechanism", "PLAIN sends the password for anybody on the way to read: add tls");
  }
}

// A map, even an empty one, or `true` turns TLS on.
void ReadTransport(Section& section, Endpoint& endpoint, KafkaConfig& kafka) {
  const Value* node = section.Get("tls");
  if (node == nullptr) return;
  if (node->kind == Value::Kind::kScalar) return section.Read("tls", kafka.tls);
  Section tls = section.Sub("tls");
  kafka.tls = true;
  tls.Read("enabled", kafka.tls);
  ReadTlsFiles(tls, endpoint);
}

void ReadProperties(Section& section, KafkaConfig& kafka) {
  Section properties = section.Sub("properties");
  if (properties.node() == nullptr) return;
  for (const Member& member : properties.node()->members) {
    const std::string& name = member.key;
    properties.Accept(name);
    const auto taken = std::ranges::find_if(kTaken, [&](const Taken& t) {
      return t.property.ends_with('.') ? name.starts_with(t.property) : name == t.property;
    });
    const bool plain = !name.empty() && std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f; });
    if (!plain || name.size() > 100) {
      section.Error("properties", "holds what is no property's name");
    } else if (taken != kTaken.end()) {
      properties.Error(name, "cannot be set here: " + std::string(taken->instead));
    } else if (member.value.kind != Value::Kind::kScalar) {
      properties.Error(name, "has no single value");
    } else {
      if (name == "queue.buffering.max.messages" && ParseWhole(member.value.text).value_or(0) < kLeastQueue) {
        properties.Error(name, "is at least 5000: so many messages are under way at once");
      }
      kafka.properties.emplace_back(name, member.value.text);
    }
  }
}

}  // namespace

void ReadKafka(Section& section, Endpoint& endpoint) {
  endpoint.timeout = Millis(30'000);
  endpoint.format = "cloudevents";
  section.ReadChoice("format", {"cloudevents", "cloudevents-structured", "docker-v1"}, endpoint.format);
  auto kafka = std::make_shared<KafkaConfig>();
  ReadBrokers(section, *kafka);
  ReadTopics(section, *kafka);
  ReadRecordKey(section, endpoint, *kafka);
  section.ReadChoice("compression", {"none", "gzip", "snappy", "lz4", "zstd"}, kafka->compression);
  ReadTransport(section, endpoint, *kafka);
  ReadSasl(section, *kafka);
  ReadProperties(section, *kafka);

  for (const std::string& broker : kafka->brokers) {
    endpoint.url += (endpoint.url.empty() ? "kafka://" : ",") + broker;
  }
  endpoint.url += "/" + kafka->topic;
  endpoint.kafka = std::move(kafka);
}

}  // namespace portcall::config
