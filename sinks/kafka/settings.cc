#include "sinks/kafka/settings.h"

#include <algorithm>
#include <array>

#include "runtime/text.h"

namespace portcall::sinks {
namespace {

struct Reserved {
  std::string_view property, advice;
};

// What our own keys say, under every name that librdkafka has for it.
constexpr std::array<Reserved, 14> kFriendly{{{"bootstrap.servers", "brokers"},
                                              {"metadata.broker.list", "brokers"},
                                              {"compression.codec", "compression"},
                                              {"compression.type", "compression"},
                                              {"security.protocol", "tls and sasl"},
                                              {"sasl.mechanism", "sasl.mechanism"},
                                              {"sasl.mechanisms", "sasl.mechanism"},
                                              {"sasl.username", "sasl.username"},
                                              {"sasl.password", "sasl.password"},
                                              {"ssl.ca.location", "tls.ca"},
                                              {"ssl.certificate.location", "tls.certificate"},
                                              {"ssl.key.location", "tls.key"},
                                              {"enable.ssl.certificate.verification", "tls.insecureskipverify"},
                                              {"ssl.endpoint.identification.algorithm", "tls.insecureskipverify"}}};

// What an event's way rests on.
constexpr std::array<Reserved, 15> kPromises{
    {{"acks", "an event is settled only when all in-sync replicas have it"},
     {"request.required.acks", "an event is settled only when all in-sync replicas have it"},
     {"enable.idempotence", "the order of a repository's events rests on it"},
     {"enable.gapless.guarantee", "the order of a repository's events rests on it"},
     {"queuing.strategy", "the order of a repository's events rests on it"},
     {"max.in.flight", "the order of a repository's events rests on it"},
     {"max.in.flight.requests.per.connection", "the order of a repository's events rests on it"},
     {"message.timeout.ms", "an event waits for as long as it takes"},
     {"delivery.timeout.ms", "an event waits for as long as it takes"},
     {"retries", "an event waits for as long as it takes"},
     {"message.send.max.retries", "an event waits for as long as it takes"},
     {"transactional.id", "events are not sent in transactions"},
     {"delivery.report.only.error", "an event is settled by its delivery report"},
     {"log.queue", "librdkafka's log goes into this log"},
     {"enabled_events", "events are served by this process"}}};

Result<void> CheckProperty(const std::string& name) {
  if (const auto at = std::ranges::find(kFriendly, name, &Reserved::property); at != kFriendly.end()) {
    return Error(Errc::kInvalid, "properties: " + name + " is set by this endpoint's own key " +
                                     std::string(at->advice) + "; write it there");
  }
  if (const auto at = std::ranges::find(kPromises, name, &Reserved::property); at != kPromises.end()) {
    return Error(Errc::kInvalid, "properties: " + name + " cannot be changed: " + std::string(at->advice));
  }
  return {};
}

void AddDefaults(KafkaSettings& settings) {
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"client.id", "portcall"},
           {"acks", "all"},
           {"enable.idempotence", "true"},
           // A batch that fails for good must not let the next one pass it: the producer stops, and a new one goes on.
           {"enable.gapless.guarantee", "true"},
           {"message.timeout.ms", "0"},
           {"partitioner", "murmur2_random"},  // Java's
           {"linger.ms", "5"},
           {"allow.auto.create.topics", "false"},
           {"reconnect.backoff.max.ms", "2000"},
           {"queue.buffering.max.kbytes", "65536"},
           {"log.queue", "true"},
           {"log.thread.name", "false"},
           {"log.connection.close", "false"}}) {
    settings.emplace_back(name, value);
  }
  settings.emplace_back("queue.buffering.max.messages", std::to_string(2 * kKafkaWindow));
}

void AddSecurity(const config::Endpoint& endpoint, KafkaSettings& settings) {
  const config::KafkaConfig& kafka = *endpoint.kafka;
  const bool sasl = !kafka.sasl_mechanism.empty();
  settings.emplace_back("security.protocol",
                        sasl ? (kafka.tls ? "sasl_ssl" : "sasl_plaintext") : (kafka.tls ? "ssl" : "plaintext"));
  if (sasl) {
    settings.emplace_back("sasl.mechanism", kafka.sasl_mechanism);
    settings.emplace_back("sasl.username", kafka.username);
    settings.emplace_back("sasl.password", kafka.password);
  }
  if (!kafka.tls) return;
  if (!endpoint.ca.empty()) settings.emplace_back("ssl.ca.location", endpoint.ca);
  if (!endpoint.certificate.empty()) settings.emplace_back("ssl.certificate.location", endpoint.certificate);
  if (!endpoint.key.empty()) settings.emplace_back("ssl.key.location", endpoint.key);
  settings.emplace_back("ssl.endpoint.identification.algorithm", endpoint.insecure_skip_verify ? "none" : "https");
  if (endpoint.insecure_skip_verify) settings.emplace_back("enable.ssl.certificate.verification", "false");
}

}  // namespace

Result<KafkaSettings> MakeKafkaSettings(const config::Endpoint& endpoint) {
  if (endpoint.kafka == nullptr) return Error(Errc::kInvalid, "the Kafka settings are missing");
  const config::KafkaConfig& kafka = *endpoint.kafka;
  if (kafka.brokers.empty()) return Error(Errc::kInvalid, "brokers is missing");
  for (const auto& [name, value] : kafka.properties) {
    if (auto checked = CheckProperty(name); !checked) return Error(checked.error());
  }
  KafkaSettings settings;
  AddDefaults(settings);
  settings.emplace_back("bootstrap.servers", runtime::Joined(kafka.brokers, ","));
  if (!kafka.compression.empty()) settings.emplace_back("compression.codec", kafka.compression);
  AddSecurity(endpoint, settings);
  for (const auto& property : kafka.properties) settings.push_back(property);
  return settings;
}

bool IsSecretProperty(std::string_view name) {
  constexpr std::array<std::string_view, 5> kMarks{"password", "secret", "key.pem", "jaas", "token"};
  return std::ranges::any_of(kMarks,
                             [&](std::string_view mark) { return name.find(mark) != std::string_view::npos; }) ||
         name == "sasl.oauthbearer.config";
}

}  // namespace portcall::sinks
