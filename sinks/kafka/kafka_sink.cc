#include "sinks/kafka/kafka_sink.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/clock.h"
#include "sinks/kafka/message.h"
#include "sinks/kafka/producer.h"
#include "sinks/kafka/report.h"
#include "sinks/kafka/settings.h"
#include "sinks/kafka/topic_watch.h"

namespace portcall::sinks {
namespace {

class KafkaSink final : public Sink {
 public:
  KafkaSink(const config::Endpoint& endpoint, KafkaMessages messages, std::unique_ptr<KafkaProducer> producer,
            Surroundings around)
      : name_(endpoint.name),
        order_(endpoint.order),
        around_(std::move(around)),
        messages_(std::move(messages)),
        producer_(std::move(producer)) {}

  void Open(const std::string& /*receipt*/) override {
    producer_->Start();
    auto current = [this] { return producer_->client(); };
    watch_ = std::make_unique<KafkaTopicWatch>(name_, messages_, current, around_);
  }

  Capacity capacity() const override { return {kKafkaWindow, kKafkaWindowBytes, 1, true}; }
  std::string Trouble() const override { return producer_->trouble(); }
  void Interrupt() override { producer_->Interrupt(); }
  void Abort() override {
    watch_.reset();
    producer_->Abort();
  }

  Task<Outcome> Deliver(Batch batch) override {
    const runtime::Clock& clock = runtime::SystemClock();
    const auto started = clock.Ticks();
    const store::Event& event = *batch.events.front();
    KafkaFlight flight;
    flight.lane = LaneOf(event);
    flight.message = messages_.Of(event);
    const KafkaReport report = co_await producer_->Send(flight);
    Outcome outcome = OutcomeOf(report, messages_.topics()[flight.topic]);
    if (outcome.verdict == Verdict::kUndeliverable && messages_.has_dead_letter_topic()) {
      outcome = co_await SendDeadLetter(event, report.partition, std::move(outcome));
    }
    outcome.latency = clock.Ticks() - started;
    co_return outcome;
  }

 private:
  KafkaLane LaneOf(const store::Event& event) const {
    switch (order_) {
      case config::Order::kStrict:
        return {};
      case config::Order::kNone:
        return {{}, event.id};
      default:
        return {event.source, event.repository};
    }
  }

  // Returns `dead` even where the dead-letter topic refuses the event; only a failed producer leads to another attempt.
  Task<Outcome> SendDeadLetter(const store::Event& event, std::int32_t partition, Outcome dead) {
    KafkaReport report;
    for (const bool whole : {true, false}) {
      KafkaFlight flight;
      flight.lane = {{}, event.id};
      flight.message = messages_.DeadLetterOf(event, dead.error, partition);
      if (!whole) flight.message.value.clear();
      report = co_await producer_->Send(flight);
      if (!IsTooLarge(report.error)) break;
    }
    const Outcome outcome = OutcomeOf(report, messages_.dead_letter_topic());
    const bool closed = IsUnknownTopic(report.error) || IsTopicForbidden(report.error);
    if (outcome.verdict == Verdict::kFailed && !closed) co_return outcome;
    if (outcome.verdict != Verdict::kDelivered) dead.error += "; and the dead-letter " + outcome.error;
    co_return dead;
  }

  const std::string name_;
  const config::Order order_;
  const Surroundings around_;
  const KafkaMessages messages_;
  const std::unique_ptr<KafkaProducer> producer_;
  std::unique_ptr<KafkaTopicWatch> watch_;
};

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
  const auto refuse = [&](const Error& error) {
    return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": " + error.detail);
  };
  auto settings = MakeKafkaSettings(endpoint);
  if (!settings) return refuse(settings.error());
  const auto kafka = endpoint.As<KafkaConfig>();
  if (auto readable = CheckFiles(endpoint, *kafka); !readable) return refuse(readable.error());
  auto messages = KafkaMessages::Make(endpoint);
  if (!messages) return refuse(messages.error());
  auto producer = KafkaProducer::Make(
      {endpoint.name, kafka->sasl_mechanism, std::move(*settings), messages->topics(), endpoint.timeout}, around);
  if (!producer) return refuse(producer.error());
  return std::unique_ptr<Sink>(
      std::make_unique<KafkaSink>(endpoint, std::move(*messages), std::move(*producer), around));
}

}  // namespace portcall::sinks
