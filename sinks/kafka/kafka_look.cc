#include "sinks/kafka/kafka_look.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/hidden.h"
#include "runtime/http/resolver.h"
#include "runtime/http/tls_look.h"
#include "runtime/text.h"
#include "sinks/kafka/client.h"
#include "sinks/kafka/kafka_config.h"
#include "sinks/kafka/message.h"
#include "sinks/kafka/report.h"
#include "sinks/kafka/settings.h"

namespace portcall::sinks {
namespace {

using runtime::Finding;
using runtime::Findings;
using runtime::Fine;
using runtime::Problem;
using runtime::Warning;
using std::chrono::milliseconds;

template <auto kDestroy>
struct Destroyer {
  template <class T>
  void operator()(T* object) const {
    kDestroy(object);
  }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroyer<&rd_kafka_metadata_destroy>>;
using Options = std::unique_ptr<rd_kafka_AdminOptions_t, Destroyer<&rd_kafka_AdminOptions_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroyer<&rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroyer<&rd_kafka_event_destroy>>;
using Resource = std::unique_ptr<rd_kafka_ConfigResource_t, Destroyer<&rd_kafka_ConfigResource_destroy>>;

// Keeps what the client says went wrong, of which the summary is the least.
class Troubles final : public KafkaListener {
 public:
  explicit Troubles(std::string mechanism) : mechanism_(std::move(mechanism)) {}
  void OnReport(void*, KafkaReport) override {}
  void OnError(int error, std::string_view text) override {
    if (!text_.empty() && IsAllBrokersDown(error)) return;
    text_ = TroubleOf(error, text, mechanism_, rd_kafka_version());
    refused_ = refused_ || IsAuthentication(error);
  }
  void OnFatal(const KafkaFatal& fatal) override { text_ = TextOf(fatal); }
  void OnLog(int, std::string_view, std::string_view) override {}
  const std::string& text() const { return text_; }
  bool refused() const { return refused_; }  // the login was

 private:
  const std::string mechanism_;
  std::string text_;
  bool refused_ = false;
};

struct Topic {
  int partitions = 0, without_leader = 0;
  std::string error;
};
using Topics = std::map<std::string, Topic, std::less<>>;

// All that this user may see: to ask for one by name would have the broker make it.
Result<Topics> TopicsOf(KafkaClient& client, milliseconds patience) {
  const rd_kafka_metadata_t* answer = nullptr;
  const auto failed = rd_kafka_metadata(client.handle(), 1, nullptr, &answer, static_cast<int>(patience.count()));
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) return Error(Errc::kUnavailable, rd_kafka_err2str(failed));
  const Metadata metadata(answer);
  Topics topics;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& one = metadata->topics[i];
    Topic& topic = topics[one.topic];
    topic.partitions = one.partition_cnt;
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) topic.error = rd_kafka_err2str(one.err);
    for (int p = 0; p < one.partition_cnt; ++p) {
      if (one.partitions[p].leader < 0) ++topic.without_leader;
    }
  }
  return topics;
}

std::string ValueIn(const rd_kafka_ConfigResource_t* resource, std::string_view name) {
  std::size_t count = 0;
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value != nullptr && name == rd_kafka_ConfigEntry_name(entries[i])) return value;
  }
  return {};
}

// How large a batch of the topic may be; nothing: this user may not ask.
std::optional<std::int64_t> LimitOf(KafkaClient& client, const std::string& topic, milliseconds patience) {
  const Options options(rd_kafka_AdminOptions_new(client.handle(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS));
  const Queue queue(rd_kafka_queue_new(client.handle()));
  const Resource asked(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  if (!options || !queue || !asked) return std::nullopt;
  std::array<char, 256> why{};
  const int wait = static_cast<int>(patience.count());
  if (rd_kafka_AdminOptions_set_request_timeout(options.get(), wait, why.data(), why.size()) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::nullopt;
  }
  rd_kafka_ConfigResource_t* one = asked.get();
  rd_kafka_DescribeConfigs(client.handle(), &one, 1, options.get(), queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), wait));
  const auto* result = event ? rd_kafka_event_DescribeConfigs_result(event.get()) : nullptr;
  if (result == nullptr) return std::nullopt;
  std::size_t count = 0;
  const rd_kafka_ConfigResource_t** found = rd_kafka_DescribeConfigs_result_resources(result, &count);
  if (count == 0) return std::nullopt;
  return runtime::ParseNumber<std::int64_t>(ValueIn(found[0], "max.message.bytes"));
}

Finding JudgeBroker(const std::string& what, const std::string& broker, milliseconds patience) {
  const std::size_t colon = broker.rfind(':');
  std::string host = broker.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto port = runtime::ParseNumber<std::uint16_t>(std::string_view(broker).substr(colon + 1)).value_or(0);
  const auto addresses = http::Resolver::AskSystem(host);
  if (!addresses || addresses->empty()) {
    return Problem(what, addresses ? host + " has no address" : addresses.error().detail,
                   "mend the name in brokers, or enter it in the DNS (or /etc/hosts)");
  }
  std::vector<std::string> good, bad;
  for (const auto& address : *addresses) {
    const auto there = http::LookAtPort({address, port}, patience / static_cast<long>(addresses->size()));
    if (there) {
      good.push_back(address.to_string());
    } else {
      bad.push_back(address.to_string() + ": " + there.error().detail);
    }
  }
  if (bad.empty()) return Fine(what, broker + " (" + runtime::Joined(good) + ") accepts connections");
  const std::string how = broker + ": " + runtime::Joined(bad);
  return good.empty() ? Problem(what, how, "see that the broker runs there, and that host and port are right")
                      : Warning(what, how + "; but " + runtime::Joined(good) + " accepts connections",
                                "take the dead addresses out of the DNS, or mend the way to them");
}

Finding JudgeTopic(const std::string& what, const std::string& name, const Topics& topics, KafkaClient& client,
                   milliseconds patience) {
  const auto found = topics.find(name);
  if (found == topics.end()) {
    return Problem(what, "topic " + name + " is not there, or this user may not see it",
                   "make it (kafka-topics.sh --create --topic " + name + "), and allow this user Describe and Write");
  }
  const Topic& topic = found->second;
  if (!topic.error.empty() || topic.partitions == 0) {
    return Problem(what, "topic " + name + ": " + (topic.error.empty() ? "it has no partitions" : topic.error),
                   "see the brokers' logs");
  }
  const std::string how = "topic " + name + " has " + std::to_string(topic.partitions) + " partitions";
  if (topic.without_leader > 0) {
    return Problem(what, how + ", of which " + std::to_string(topic.without_leader) + " have no leader",
                   "see which brokers are down: what is keyed to these partitions waits");
  }
  const auto limit = LimitOf(client, name, patience);
  if (!limit) return Fine(what, how + ", each with a leader; this user may not ask for its limits");
  constexpr std::int64_t kSmall = 64 << 10;
  const std::string bound = how + ", each with a leader; max.message.bytes is " + std::to_string(*limit);
  return *limit < kSmall ? Warning(what, bound + ": larger events are given up", "raise it to 1 MiB")
                         : Fine(what, bound);
}

std::string LoginTodo(const KafkaConfig& kafka, bool refused) {
  if (refused) return "see username and password of sasl, and that the brokers know them";
  if (kafka.tls)
    return "see that the port speaks TLS, and set tls.ca to the file of the CA that has signed its certificate";
  return "see whether the port wants TLS or a login (tls, sasl), and which addresses the brokers tell "
         "(advertised.listeners)";
}

void LookInside(const std::string& what, const config::Endpoint& endpoint, const KafkaConfig& kafka,
                milliseconds patience, Findings& found) {
  auto settings = MakeKafkaSettings(endpoint);
  const auto messages = KafkaMessages::Make(endpoint);
  if (!settings || !messages) {
    found.push_back(Problem(what, settings ? messages.error().detail : settings.error().detail, "mend its entry"));
    return;
  }
  const auto client = KafkaClient::Make(*settings, messages->topics(), http::LookupThreads());
  if (!client) {
    found.push_back(Problem(what, client.error().detail, "mend its entry"));
    return;
  }
  Troubles troubles(kafka.sasl_mechanism);
  KafkaClient::Spent spent;
  const auto topics = TopicsOf(**client, patience / 2);
  while ((*client)->Serve(troubles, spent)) {
  }
  if (!topics) {
    found.push_back(Problem(
        what, "the brokers give no answer: " + (troubles.text().empty() ? topics.error().detail : troubles.text()),
        LoginTodo(kafka, troubles.refused())));
    return;
  }
  const std::string login = kafka.sasl_mechanism.empty() ? "without a login" : "with the login of sasl";
  found.push_back(Fine(what, std::string("the brokers answer ") + login + (kafka.tls ? ", by TLS" : "")));
  for (const std::size_t place : messages->expected()) {
    const milliseconds share = patience / 2 / static_cast<long>(messages->expected().size());
    found.push_back(JudgeTopic(what, messages->topics()[place], *topics, **client, share));
  }
}

}  // namespace

Findings LookAtKafka(const config::Endpoint& endpoint, milliseconds patience) {
  const auto kafka = endpoint.As<KafkaConfig>();
  if (kafka == nullptr) return {};
  const std::string& what = endpoint.name;
  Findings found;
  bool reached = false;
  for (const std::string& broker : kafka->brokers) {
    found.push_back(JudgeBroker(what, broker, patience / static_cast<long>(kafka->brokers.size())));
    reached = reached || found.back().grade != runtime::Grade::kProblem;
  }
  if (reached) LookInside(what, endpoint, *kafka, patience, found);
  const std::vector<std::string> hidden{kafka->password};
  for (Finding& one : found) one.how = config::Hidden(std::move(one.how), hidden);
  return found;
}

}  // namespace portcall::sinks
