#include "sinks/kafka/kafka_kind.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/reader/address.h"
#include "config/reader/scalars.h"
#include "config/sections/endpoint.h"
#include "runtime/http/tls.h"
#include "runtime/text.h"
#include "sinks/formats/format.h"
#include "sinks/formats/template.h"
#include "sinks/inspection.h"
#include "sinks/kafka/client.h"
#include "sinks/kafka/kafka_config.h"
#include "sinks/kafka/kafka_look.h"
#include "sinks/kafka/kafka_sink.h"
#include "sinks/kafka/message.h"
#include "sinks/kafka/reserved.h"
#include "sinks/kafka/topic_name.h"

namespace portcall::sinks {
namespace {

using config::Endpoint;
using config::MapReader;
using config::Member;
using config::Quoted;
using config::Value;

constexpr std::array<config::Key, 9> kKeys{{{"format"},
                                            {"brokers"},
                                            {"topic"},
                                            {"deadlettertopic"},
                                            {"compression"},
                                            {"sasl"},
                                            {"properties"},
                                            {"key"},
                                            {"tls"}}};
constexpr std::int64_t kLeastQueue = 5'000;  // the window of an endpoint

void ReadBrokers(MapReader& section, KafkaConfig& kafka) {
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
    } else if (const std::string why = config::WhyBadAddress(broker, config::AddressFor::kConnect); !why.empty()) {
      section.Error("brokers", why);
    }
  }
}

void CheckTopic(MapReader& section, const std::string& text) {
  if (text.empty()) return section.Error("topic", "is missing: write topic: registry-events");
  const auto topic = ParseTopic(text);
  if (!topic) {
    return section.Error(
        "topic",
        topic.error().detail + " (a topic is made of {{action}} and {{kind}} alone, so that no pushed name makes one)");
  }
  const std::string longest =  // the longest action, and the longest kind
      topic->Render([](std::string_view word) { return word == "action" ? "checkpoint" : "repository"; });
  if (const std::string why = WhyBadTopic(longest); !why.empty()) section.Error("topic", why);
}

void ReadTopics(MapReader& section, KafkaConfig& kafka) {
  section.Read("topic", kafka.topic);
  section.Read("deadlettertopic", kafka.dead_letter_topic);
  CheckTopic(section, kafka.topic);
  if (kafka.dead_letter_topic.empty()) return;
  if (const std::string why = WhyBadTopic(kafka.dead_letter_topic); !why.empty()) section.Error("deadlettertopic", why);
  if (kafka.dead_letter_topic == kafka.topic) section.Error("deadlettertopic", "is the topic itself");
}

void ReadRecordKey(MapReader& section, const Endpoint& endpoint, KafkaConfig& kafka) {
  kafka.key = endpoint.source.empty() ? "{{repository}}" : "{{source}}/{{repository}}";
  section.Read("key", kafka.key);
  if (const auto key = Template::Parse(kafka.key, EventWords()); !key) section.Error("key", key.error().detail);
}

void ReadSasl(MapReader& section, KafkaConfig& kafka) {
  MapReader sasl = section.Sub("sasl");
  if (!sasl.there()) return;
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
void ReadTransport(MapReader& section, Endpoint& endpoint, KafkaConfig& kafka) {
  const Value* node = section.Get("tls");
  if (node == nullptr) return;
  if (node->kind == Value::Kind::kScalar) return section.Read("tls", kafka.tls);
  MapReader tls = section.Sub("tls");
  kafka.tls = true;
  tls.Read("enabled", kafka.tls);
  config::ReadTlsFiles(tls, endpoint);
}

void ReadProperties(MapReader& section, KafkaConfig& kafka) {
  MapReader properties = section.Sub("properties");
  for (const Member& member : properties.Members()) {
    const std::string& name = member.key;
    properties.Accept(name);
    const std::string_view reserved = WhyReserved(name);
    const bool plain = !name.empty() && std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f; });
    if (!plain || name.size() > 100) {
      section.Error("properties", "holds what is no property's name");
    } else if (!reserved.empty()) {
      properties.Error(name, "cannot be set here: " + std::string(reserved));
    } else if (member.value.kind != Value::Kind::kScalar) {
      properties.Error(name, "has no single value");
    } else {
      if (name == "queue.buffering.max.messages" && config::ParseWhole(member.value.text).value_or(0) < kLeastQueue) {
        properties.Error(name, "is at least 5000: so many messages are under way at once");
      }
      kafka.properties.emplace_back(name, member.value.text);
    }
  }
}

std::string PlaceOf(const KafkaConfig& kafka) {
  std::string place;
  for (const std::string& broker : kafka.brokers) place += (place.empty() ? "kafka://" : ",") + broker;
  return place + "/" + kafka.topic;
}

// False: a file is at fault, which is said.
bool CheckTlsFiles(MapReader& section, const Endpoint& endpoint, const KafkaConfig& kafka) {
  if (!kafka.tls || (endpoint.ca.empty() && endpoint.certificate.empty())) return true;
  const std::size_t errors = section.report().errors();
  const MapReader tls = section.Sub("tls");
  if (!endpoint.ca.empty()) {
    if (const auto trusted = http::CheckAuthority(endpoint.ca); !trusted) tls.Error("ca", trusted.error().detail);
  }
  if (!endpoint.certificate.empty()) {
    const auto pair = http::CheckPair(endpoint.certificate, endpoint.key);
    if (!pair) tls.Error(pair.error().detail.starts_with("key ") ? "key" : "certificate", pair.error().detail);
  }
  return section.report().errors() == errors;
}

// Properties that each fit may not fit together, which librdkafka says when a producer is made. Without brokers it
// connects to nothing.
void CheckTogether(MapReader& section, const KafkaConfig& kafka, KafkaSettings settings) {
  std::erase_if(settings, [](const auto& setting) { return setting.first == "bootstrap.servers"; });
  const auto made = KafkaClient::Make(settings, {}, http::LookupThreads());
  if (made || made.error().code == Errc::kUnavailable) return;
  const std::string& why = made.error().detail;
  auto named = std::ranges::find_if(
      kafka.properties, [&why](const auto& property) { return why.find(property.first) != std::string::npos; });
  // It may name another one, which has our value.
  if (named == kafka.properties.end() && kafka.properties.size() == 1) named = kafka.properties.begin();
  if (named == kafka.properties.end()) return section.Error("properties", why);
  const MapReader properties = section.Sub("properties");
  properties.Error(named->first, IsSecretProperty(named->first) ? "librdkafka refuses its value" : why);
}

class KafkaTopics final : public Kind, public Inspectable {
 public:
  KafkaTopics() : Kind({.name = "kafka", .keys = {kKeys, config::kQueueKeys}, .event_kinds = {"tag", "manifest"}}) {}

  void Read(MapReader& section, Endpoint& endpoint) const override {
    endpoint.timeout = config::Millis(30'000);
    endpoint.sends_source = true;
    endpoint.format = kCloudEventsName;
    section.ReadChoice("format", KafkaFormatNames(), endpoint.format);
    auto kafka = std::make_shared<KafkaConfig>();
    ReadBrokers(section, *kafka);
    ReadTopics(section, *kafka);
    ReadRecordKey(section, endpoint, *kafka);
    section.ReadChoice("compression", {"none", "gzip", "snappy", "lz4", "zstd"}, kafka->compression);
    ReadTransport(section, endpoint, *kafka);
    ReadSasl(section, *kafka);
    ReadProperties(section, *kafka);
    endpoint.place = PlaceOf(*kafka);
    endpoint.settings = std::move(kafka);
  }

  void Check(MapReader& section, const Endpoint& endpoint) const override {
    const MapReader properties = section.Sub("properties");
    bool fit = true;
    const auto kafka = endpoint.As<KafkaConfig>();
    for (const auto& property : kafka->properties) {
      const auto checked = KafkaClient::Check({property});
      if (checked) continue;
      properties.Error(property.first, checked.error().detail);
      fit = false;
    }
    // Making the producer finds it too, at a start.
    const bool checking = section.report().strictness() == config::Strictness::kCheck;
    if (!fit || (checking && !CheckTlsFiles(section, endpoint, *kafka))) return;
    if (const auto messages = KafkaMessages::Make(endpoint); !messages) {  // it begins with the key
      const std::string& why = messages.error().detail;
      const std::size_t colon = why.find(": ");
      return section.Error(why.substr(0, colon), why.substr(colon + 2));
    }
    auto settings = MakeKafkaSettings(endpoint);
    const auto checked = settings ? KafkaClient::Check(*settings) : Result<void>(settings.error());
    if (!checked) return section.Error("", checked.error().detail);
    if (checking) CheckTogether(section, *kafka, *settings);
  }

  std::string WhyNot(const Endpoint& endpoint, std::string_view) const override { return WhyNoForm(endpoint.format); }

  Result<std::unique_ptr<Sink>> Make(const Endpoint& endpoint, const Surroundings& around) const override {
    return MakeKafka(endpoint, around);
  }

  runtime::Findings Inspect(const Endpoint& endpoint, std::chrono::milliseconds patience) const override {
    return LookAtKafka(endpoint, patience);
  }
};

}  // namespace

const Kind& KafkaKind() {
  static const KafkaTopics kKind;
  return kKind;
}

}  // namespace portcall::sinks
