#include "sinks/kafka/settings.h"

#include "runtime/text.h"
#include "sinks/kafka/kafka_config.h"
#include "sinks/kafka/reserved.h"

namespace portcall::sinks {
namespace {

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
           // The brokers say what is too large, topic by topic: librdkafka's own bound (1 MB) would give up for them.
           {"message.max.bytes", "67108864"},
           {"log.queue", "true"},
           {"log.thread.name", "false"},
           {"log.connection.close", "false"}}) {
    settings.emplace_back(name, value);
  }
  settings.emplace_back("queue.buffering.max.messages", std::to_string(2 * kKafkaWindow));
}

void AddSecurity(const config::Endpoint& endpoint, const KafkaConfig& kafka, KafkaSettings& settings) {
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
  const auto found = endpoint.As<KafkaConfig>();
  if (found == nullptr) return Error(Errc::kInvalid, "the Kafka settings are missing");
  const KafkaConfig& kafka = *found;
  if (kafka.brokers.empty()) return Error(Errc::kInvalid, "brokers is missing");
  for (const auto& [name, value] : kafka.properties) {
    if (const std::string_view why = WhyReserved(name); !why.empty()) {
      return Error(Errc::kInvalid, "properties: " + name + " cannot be set here: " + std::string(why));
    }
  }
  KafkaSettings settings;
  AddDefaults(settings);
  settings.emplace_back("bootstrap.servers", runtime::Joined(kafka.brokers, ","));
  if (!kafka.compression.empty()) settings.emplace_back("compression.codec", kafka.compression);
  AddSecurity(endpoint, kafka, settings);
  for (const auto& property : kafka.properties) settings.push_back(property);
  return settings;
}

}  // namespace portcall::sinks
