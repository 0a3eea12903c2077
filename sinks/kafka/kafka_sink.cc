#include "sinks/kafka/kafka_sink.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "config/hidden.h"
#include "runtime/clock.h"
#include "sinks/failing_parts.h"
#include "sinks/kafka/message.h"
#include "sinks/kafka/producer.h"
#include "sinks/kafka/report.h"
#include "sinks/kafka/settings.h"
#include "sinks/kafka/topic_watch.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;

constexpr auto kTopicsKept = 1min;                 // beyond what a lane can wait
constexpr auto kRefusalOfOneTopic = 30s;           // of several: the others pay for each time it is asked for
constexpr std::chrono::seconds kLeastPatience(5);  // with the dead-letter topic

class KafkaSink final : public Sink {
 public:
  KafkaSink(const config::Endpoint& endpoint, std::vector<std::string> hidden, KafkaMessages messages,
            std::unique_ptr<KafkaProducer> producer, std::unique_ptr<KafkaProducer> letters, Surroundings around)
      : name_(endpoint.name),
        order_(endpoint.order),
        hidden_(std::move(hidden)),
        around_(std::move(around)),
        messages_(std::move(messages)),
        shape_(messages_.shape()),
        producer_(std::move(producer)),
        letters_(std::move(letters)),
        parts_("topic", 2 * endpoint.max_backoff + endpoint.timeout + kTopicsKept) {}

  void Open(const std::string& /*receipt*/) override {
    producer_->Start();
    if (letters_) letters_->Start();
    auto current = [this] { return producer_->client(); };
    watch_ = std::make_unique<KafkaTopicWatch>(name_, messages_, current, hidden_, around_);
  }

  Capacity capacity() const override {
    return {kKafkaWindow, kKafkaWindowBytes, 1, true, messages_.has_dead_letter_topic()};
  }
  std::string Trouble() const override {
    std::string trouble = ProducersTrouble();
    const std::string topics = config::Hidden(parts_.Text(runtime::SystemClock().Ticks()), hidden_);
    if (!trouble.empty() && !topics.empty()) trouble += "; ";
    return trouble + topics;
  }
  bool Stalled() const override { return !producer_->trouble().empty(); }
  void Interrupt() override {
    producer_->Interrupt();
    if (letters_) letters_->Interrupt();
  }
  void Abort() override {
    watch_.reset();
    producer_->Abort();
    if (letters_) letters_->Abort();
  }

  Task<Outcome> Deliver(Batch batch) override {
    const runtime::Clock& clock = runtime::SystemClock();
    const auto started = clock.Ticks();
    const store::Event& event = *batch.events.front();
    KafkaFlight flight;
    flight.lane = LaneOf(event);
    flight.message = messages_.Of(event);
    Share(batch.events.front(), flight.message);
    const KafkaReport report = co_await producer_->Send(flight);
    Outcome outcome = Judge(report, flight.topic);
    outcome.partition = report.partition;
    outcome.latency = clock.Ticks() - started;
    co_return outcome;
  }

  // The event is given up even where the dead-letter topic refuses it for good. What may pass, as a broker's error, is
  // waited for.
  Task<Outcome> SetAside(store::EventPtr event, std::shared_ptr<const Outcome> refusal) override {
    KafkaReport report;
    for (bool whole = true, again = true; again;) {
      KafkaFlight flight;
      flight.message = messages_.DeadLetterOf(*event, refusal->error, refusal->partition);
      if (!whole) flight.message.value.clear();
      report = co_await letters_->Send(flight);
      again = report.for_another || (whole && IsTooLarge(report.error));
      if (IsTooLarge(report.error)) whole = false;
    }
    Outcome outcome = Judge(report, messages_.dead_letters());
    const bool closed = IsUnknownTopic(report.error) || IsTopicForbidden(report.error);
    if (closed) outcome.verdict = Verdict::kUndeliverable;
    if (outcome.verdict != Verdict::kDelivered) {
      const bool named = outcome.error.starts_with("topic ");
      const std::string topic = named ? "" : "topic " + messages_.dead_letter_topic() + ": ";
      outcome.error = refusal->error + "; and the dead-letter " + topic + outcome.error;
    }
    co_return outcome;
  }

 private:
  std::string ProducersTrouble() const {
    std::string trouble = producer_->trouble();
    if (!trouble.empty() || !letters_) return trouble;
    const std::string of_letters = letters_->trouble();
    return of_letters.empty() ? of_letters
                              : "dead-letter topic " + messages_.topics()[messages_.dead_letters()] + ": " + of_letters;
  }

  std::optional<KafkaLane> LaneOf(const store::Event& event) const {
    switch (order_) {
      case config::Order::kStrict:
        return KafkaLane{};
      case config::Order::kNone:
        return std::nullopt;
      default:
        return KafkaLane{event.source, event.repository};
    }
  }

  // A large value is there once, however many endpoints send it.
  void Share(const store::EventPtr& event, KafkaMessage& message) const {
    if (store::BytesOf(*event) < SharedBodies::kLarge) return;
    std::string made = std::move(message.value);
    message.value.clear();
    message.body = around_.bodies->Of(event, shape_, [&made] { return Encoded{std::move(made), {}}; });
  }

  // Where events go to one topic, its failure is that of the endpoint.
  Outcome Judge(const KafkaReport& report, std::size_t topic) {
    const std::string& name = messages_.topics()[topic];
    Outcome outcome = OutcomeOf(report, name);
    outcome.error = config::Hidden(std::move(outcome.error), hidden_);
    const bool missing = IsUnknownTopic(report.error);
    const bool refuses = IsBatchRefused(report.error) && outcome.verdict == Verdict::kFailed;
    if (outcome.verdict == Verdict::kDelivered) {
      parts_.Succeeded(name);
    } else if (missing || IsTopicForbidden(report.error)) {
      const bool part = messages_.several_topics();
      if (part) outcome.blames = Blames::kPart;
      if (part || topic == messages_.dead_letters()) {
        parts_.Failed(name, missing ? "does not exist" : "no permission to write", runtime::SystemClock().Ticks());
      }
    } else if (topic == messages_.dead_letters() && (refuses || IsTimedOut(report.error))) {
      outcome.blames = Blames::kPart;
      parts_.Failed(name, refuses ? "refuses records" : "does not confirm records", runtime::SystemClock().Ticks());
    }
    return outcome;
  }

  const std::string name_;
  const config::Order order_;
  const std::vector<std::string> hidden_;
  const Surroundings around_;
  const KafkaMessages messages_;
  const std::string shape_;
  const std::unique_ptr<KafkaProducer> producer_;
  // Of the dead-letter topic: each record that is refused costs the other one its client, and all that is under way.
  const std::unique_ptr<KafkaProducer> letters_;
  std::unique_ptr<KafkaTopicWatch> watch_;
  FailingParts parts_;
};

// What references brought, and the password. librdkafka names one broker at a time, of a list that one reference
// brought.
std::vector<std::string> HiddenOf(const config::Endpoint& endpoint, const KafkaConfig& kafka) {
  std::vector<std::string> hidden = endpoint.hidden;
  for (const std::string& broker : kafka.brokers) {
    const auto brought = [&](const std::string& text) { return text.find(broker) != std::string::npos; };
    if (std::ranges::any_of(endpoint.hidden, brought)) hidden.push_back(broker);
  }
  hidden.push_back(kafka.password);
  return hidden;
}

// librdkafka's error for a file that it cannot read does not name the file.
Result<void> CheckFiles(const config::Endpoint& endpoint, const KafkaConfig& kafka) {
  if (!kafka.tls) return {};
  for (const auto& [key, path] :
       {std::pair("ca", endpoint.ca), std::pair("certificate", endpoint.certificate), std::pair("key", endpoint.key)}) {
    if (path.empty() || ::access(path.c_str(), R_OK) == 0) continue;
    const std::string why = std::generic_category().message(errno);
    return Error(Errc::kInvalid, std::string("tls.").append(key).append(": ").append(path).append(": ").append(why));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Sink>> MakeKafka(const config::Endpoint& endpoint, const Surroundings& around) {
  const auto kafka = endpoint.As<KafkaConfig>();
  if (kafka == nullptr) return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": the Kafka settings are missing");
  std::vector<std::string> hidden = HiddenOf(endpoint, *kafka);
  const auto refuse = [&](const Error& error) {
    return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": " + config::Hidden(error.detail, hidden));
  };
  auto settings = MakeKafkaSettings(endpoint);
  if (!settings) return refuse(settings.error());
  if (auto readable = CheckFiles(endpoint, *kafka); !readable) return refuse(readable.error());
  auto messages = KafkaMessages::Make(endpoint);
  if (!messages) return refuse(messages.error());
  KafkaProducer::Options options{endpoint.name,      kafka->sasl_mechanism, std::move(*settings),
                                 messages->topics(), endpoint.timeout,      hidden};
  if (messages->several_topics()) options.longest_refusal = kRefusalOfOneTopic;
  std::unique_ptr<KafkaProducer> letters;
  if (messages->has_dead_letter_topic()) {
    KafkaProducer::Options on_demand = options;
    on_demand.on_demand = on_demand.gives_up = true;
    // Each client connects anew.
    on_demand.patience = std::max<std::chrono::milliseconds>(endpoint.timeout, kLeastPatience);
    auto made = KafkaProducer::Make(std::move(on_demand), around);
    if (!made) return refuse(made.error());
    letters = std::move(*made);
  }
  auto producer = KafkaProducer::Make(std::move(options), around);
  if (!producer) return refuse(producer.error());
  return std::unique_ptr<Sink>(std::make_unique<KafkaSink>(endpoint, std::move(hidden), std::move(*messages),
                                                           std::move(*producer), std::move(letters), around));
}

}  // namespace portcall::sinks
