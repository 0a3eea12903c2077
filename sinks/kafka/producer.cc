#include "sinks/kafka/producer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>

#include "config/hidden.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using Stored = KafkaReport::Stored;

constexpr std::size_t kBatchBytes = 1'000'000;      // librdkafka's default
constexpr std::chrono::seconds kFirstRefusal = 5s;  // less than a rested endpoint's probes are apart

runtime::SteadyTime Now() { return runtime::SystemClock().Ticks(); }

std::size_t BatchBytesOf(const KafkaSettings& settings) {
  std::size_t bytes = kBatchBytes;
  for (const auto& [name, value] : settings) {
    if (name == "batch.size") std::from_chars(value.data(), value.data() + value.size(), bytes);
  }
  return bytes;
}

KafkaReport BehindAFailure() {
  return FailedWith("an earlier event of the repository failed", Stored::kNo, /*for_another=*/true);
}

runtime::Level LevelOf(int syslog) {
  if (syslog <= 3) return runtime::Level::kError;
  if (syslog == 4) return runtime::Level::kWarn;
  return syslog <= 6 ? runtime::Level::kInfo : runtime::Level::kDebug;
}

}  // namespace

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::Make(Options options, const Surroundings& around) {
  auto ending = around.lanes.Of("Kafka " + options.endpoint);
  if (!ending) return Error(ending.error());
  auto freeing = around.lanes.Of("Kafka " + options.endpoint + ", memory");
  if (!freeing) return Error(freeing.error());
  Threads threads{std::move(*freeing), std::move(*ending)};
  std::unique_ptr<KafkaProducer> made(new KafkaProducer(std::move(options), std::move(threads), around));
  const Result<void> built = made->options_.on_demand ? Result<void>() : made->MakeClient();
  if (!built && built.error().code != Errc::kUnavailable) return Error(built.error());
  return made;
}

KafkaProducer::KafkaProducer(Options options, Threads threads, const Surroundings& around)
    : options_(std::move(options)),
      executor_(around.executor),
      log_(around.log),
      threads_(std::move(threads)),
      lookup_threads_(around.resolver.threads()),
      anchor_(std::make_shared<KafkaProducer*>(this)),
      renewal_(options_.pauses),
      timer_(around.executor),
      patience_(around.executor) {
  const std::size_t batch = BatchBytesOf(options_.settings);
  for (std::size_t i = 0; i < options_.topics.size(); ++i) topics_.emplace_back(batch);
}

KafkaProducer::~KafkaProducer() { Abort(); }

Task<KafkaReport> KafkaProducer::Send(KafkaFlight& flight) {
  return Suspend<KafkaReport>([this, &flight](Resume<KafkaReport> resume) {
    flight.resume = std::move(resume);
    flight.topic = flight.message.topic;
    flight.bytes = flight.message.bytes();
    flight.since = Now();
    Take(flight);
    WatchPatience();
  });
}

void KafkaProducer::Take(KafkaFlight& flight) {
  if (aborted_) return End(flight, FailedWith("stopping"));
  if (flight.lane && !failed_lanes_.empty() && failed_lanes_.contains(flight.lane->text())) {
    return End(flight, BehindAFailure());
  }
  if (!condemned_.empty() || !waiting_.empty() || !Produce(flight)) waiting_.push_back(flight);
}

bool KafkaProducer::Produce(KafkaFlight& flight) {
  Topic& topic = topics_[flight.topic];
  if (topic.held.empty() && topic.limit.Admits(flight.bytes)) return HandOver(flight);
  topic.held.push_back(flight);
  return true;
}

bool KafkaProducer::HandOver(KafkaFlight& flight) {
  Topic& topic = topics_[flight.topic];
  if (topic.forbidden_until && Now() < *topic.forbidden_until) {
    End(flight, KafkaReport{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
    return true;
  }
  if (!Renew()) return false;
  const int error = client_->Produce(flight.message, &flight);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    KafkaMessage left;
    left.body = std::move(flight.message.body);
    flight.message = std::move(left);
    flight.ride = topic.limit.Began(flight.bytes);
    in_flight_.push_back(flight);
    return true;
  }
  if (KafkaClient::IsFull(error)) {
    if (!in_flight_.empty() || freeing_ > 0) return false;  // reports, or freeing reported messages, will make room
    End(flight, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, Stored::kNo, -1,
                 "the message is larger than librdkafka's queue: raise queue.buffering.max.kbytes"});
    return true;
  }
  KafkaReport report{error};
  if (IsProducerFailure(error)) {
    const KafkaFatal fatal = client_->fatal();
    report.for_another = fatal.refused_another();
    OnFatal(fatal);
    report.reason = condemned_;
  }
  End(flight, std::move(report));
  return true;
}

void KafkaProducer::SendWaiting() {
  for (Topic& topic : topics_) {
    while (condemned_.empty() && !topic.held.empty() && topic.limit.Admits(topic.held.front().bytes)) {
      KafkaFlight& flight = topic.held.front();
      flight.unlink();
      if (!HandOver(flight)) return topic.held.push_front(flight);
    }
  }
  while (condemned_.empty() && !waiting_.empty()) {
    KafkaFlight& flight = waiting_.front();
    flight.unlink();
    if (!Produce(flight)) return waiting_.push_front(flight);
  }
}

void KafkaProducer::End(KafkaFlight& flight, KafkaReport report) {
  const bool failed = OutcomeOf(report, {}).verdict == Verdict::kFailed;
  const std::optional<KafkaLane> lane = flight.lane;
  if (std::exchange(flight.ride.number, 0) != 0) topics_[flight.topic].limit.Ended(flight.bytes);
  flight.resume(std::move(report));
  if (failed && lane) FailLane(*lane);
}

// Refuses the lane's other messages until its sender has acted on the failure: they would overtake the failed one.
void KafkaProducer::FailLane(const KafkaLane& lane) {
  if (aborted_) return;
  const auto place = failed_lanes_.try_emplace(lane.text(), 0).first;
  ++place->second;
  asio::post(executor_, [weak = std::weak_ptr(anchor_), name = place->first] {
    const Anchor alive = weak.lock();
    if (!alive) return;
    auto& lanes = (*alive)->failed_lanes_;
    if (const auto at = lanes.find(name); at != lanes.end() && --at->second == 0) lanes.erase(at);
  });
  FailLane(waiting_, lane);
  for (Topic& topic : topics_) FailLane(topic.held, lane);
}

void KafkaProducer::FailLane(Flights& flights, const KafkaLane& lane) {
  for (auto at = flights.begin(); at != flights.end();) {
    KafkaFlight& flight = *at++;
    if (flight.lane != lane) continue;
    flight.unlink();
    flight.resume(BehindAFailure());
  }
}

// Such an answer costs a client, so what else goes to the topic is not tried for a while.
void KafkaProducer::Forbid(Topic& topic) const {
  const runtime::SteadyTime now = Now();
  if (topic.forbidden_until && now < *topic.forbidden_until) return;  // one answer for many messages
  topic.forbidden_for = std::clamp(2 * topic.forbidden_for, kFirstRefusal, options_.longest_refusal);
  topic.forbidden_until = now + topic.forbidden_for;
}

void KafkaProducer::OnReport(void* opaque, KafkaReport report) {
  KafkaFlight& flight = *static_cast<KafkaFlight*>(opaque);
  flight.unlink();
  if (flight.message.body) bodies_.push_back(std::move(flight.message.body));
  Topic& topic = topics_[flight.topic];
  if (report.error == RD_KAFKA_RESP_ERR_NO_ERROR && report.stored == Stored::kYes) {
    Relax();
    renewal_.Stored();
    topic.limit.Stored(flight.bytes, Now());
    topic.forbidden_until.reset();
    topic.forbidden_for = 0s;
  } else if (IsBatchRefused(report.error)) {
    Refused(flight, report);
  } else if (IsTopicForbidden(report.error)) {
    Forbid(topic);
  } else if (!condemned_.empty() && !IsUnknownTopic(report.error)) {
    report.reason = condemned_;
    report.for_another = condemned_for_another_ && IsEnded(report.error);
  }
  End(flight, std::move(report));
}

void KafkaProducer::Refused(KafkaFlight& flight, KafkaReport& report) {
  using Fault = KafkaBatchLimit::Fault;
  const Fault fault = IsTooLarge(report.error) ? Fault::kSize : Fault::kContent;
  KafkaBatchLimit& limit = topics_[flight.topic].limit;
  if (limit.Alone(flight.ride, flight.bytes)) return limit.Guilty(flight.bytes, fault);
  limit.Refused(flight.bytes, fault);
  std::string reason = "a batch was refused (" + ErrorText(report.error) + "); smaller ones follow";
  report = FailedWith(reason, Stored::kNo, true);
  Condemn(std::move(reason), true);
}

void KafkaProducer::OnError(int error, std::string_view text) {
  if (IsAllBrokersDown(error) && trouble_code_ != 0) return;  // said better already
  if (IsPassing(error)) return;
  Worry(error, TroubleOf(error, text, options_.mechanism, rd_kafka_version()));
}

void KafkaProducer::OnFatal(const KafkaFatal& fatal) {
  std::string text = TextOf(fatal);
  if (fatal.refused_another()) {
    log_.Info("Kafka refused a message; a new producer sends those after it, so that none overtakes",
              {{"endpoint", options_.endpoint}, {"error", Shown(text)}});
    return Condemn("the producer was replaced: " + text, true);
  }
  if (log_filter_.Admit("FATAL", "the producer failed: " + text, Now())) {
    log_.Error("the Kafka producer failed; a new one takes its place",
               {{"endpoint", options_.endpoint}, {"error", Shown(text)}});
  }
  Worry(fatal.error, text);
  Condemn("the producer failed: " + text, false);
}

void KafkaProducer::OnLog(int level, std::string_view facility, std::string_view text) {
  const bool usual = IsUsual(facility, text);
  if (!usual && facility == "GETPID") Worry(RD_KAFKA_RESP_ERR__STATE, std::string(text));  // told to the log alone
  const runtime::Level ours = usual ? runtime::Level::kDebug : LevelOf(level);
  if (!log_.Enabled(ours) || !log_filter_.Admit(facility, text, Now())) return;
  const std::vector<runtime::LogField> fields{{"endpoint", options_.endpoint}, {"facility", std::string(facility)}};
  log_.Write(ours, "librdkafka: " + Shown(text), fields);
}

std::string KafkaProducer::trouble() const {
  const bool none_under_way = in_flight_.empty() && waiting_.empty();
  if (none_under_way && !renewal_.Doubted(Now())) return {};
  if (!trouble_.empty()) return Shown(trouble_);
  if (none_under_way) return {};
  const KafkaFlight& oldest = in_flight_.empty() ? waiting_.front() : in_flight_.front();
  if (Now() - oldest.since < options_.patience) return {};
  return "the brokers take messages, but do not confirm them: are enough replicas in sync?";
}

std::string KafkaProducer::Shown(std::string_view text) const {
  return config::Hidden(std::string(text), options_.hidden);
}

void KafkaProducer::Worry(int error, std::string text) {
  trouble_code_ = error;
  trouble_ = std::move(text);
}

void KafkaProducer::Relax() {
  if (trouble_code_ == 0) return;
  trouble_code_ = 0;
  trouble_.clear();
  log_filter_.Forget();
}

}  // namespace portcall::sinks
