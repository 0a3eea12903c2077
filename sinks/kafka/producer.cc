#include "sinks/kafka/producer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using Stored = KafkaReport::Stored;

constexpr std::size_t kBatchBytes = 1'000'000;  // librdkafka's default
constexpr std::size_t kShrinkBy = 4;
constexpr auto kForbiddenFor = 5s;  // less than a rested endpoint's probes are apart
constexpr auto kCondemnedFor = 2s;  // librdkafka reports purged messages at once

runtime::SteadyTime Now() { return runtime::SystemClock().Ticks(); }

std::size_t BatchBytesOf(const KafkaSettings& settings) {
  std::size_t bytes = kBatchBytes;
  for (const auto& [name, value] : settings) {
    if (name == "batch.size") std::from_chars(value.data(), value.data() + value.size(), bytes);
  }
  return bytes;
}

KafkaReport FailedWith(std::string reason, Stored stored = Stored::kNo) {
  return {RD_KAFKA_RESP_ERR_NO_ERROR, stored, -1, std::move(reason)};
}

runtime::Level LevelOf(int syslog) {
  if (syslog <= 3) return runtime::Level::kError;
  if (syslog == 4) return runtime::Level::kWarn;
  return syslog <= 6 ? runtime::Level::kInfo : runtime::Level::kDebug;
}

}  // namespace

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::Make(Options options, const Surroundings& around) {
  std::unique_ptr<KafkaProducer> made(new KafkaProducer(std::move(options), around));
  if (auto built = made->MakeClient(); !built) return Error(built.error());
  return made;
}

void KafkaProducer::Start() {
  wakeup_.emplace(executor_, client_->wakeup_fd());
  Listen();
}

KafkaProducer::KafkaProducer(Options options, const Surroundings& around)
    : options_(std::move(options)),
      executor_(around.executor),
      log_(around.log),
      pool_(around.pool),
      anchor_(std::make_shared<KafkaProducer*>(this)),
      timer_(around.executor),
      batch_limit_(BatchBytesOf(options_.settings)) {}

KafkaProducer::~KafkaProducer() { Abort(); }

Task<KafkaReport> KafkaProducer::Send(KafkaFlight& flight) {
  return Suspend<KafkaReport>([this, &flight](Resume<KafkaReport> resume) {
    flight.resume = std::move(resume);
    flight.topic = flight.message.topic;
    flight.bytes = flight.message.bytes();
    flight.since = Now();
    Take(flight);
  });
}

void KafkaProducer::Take(KafkaFlight& flight) {
  if (aborted_) return End(flight, FailedWith("stopping"));
  if (!failed_lanes_.empty() && failed_lanes_.contains(flight.lane.text())) {
    return End(flight, FailedWith("an earlier event of the repository failed"));
  }
  if (!condemned_.empty() || !waiting_.empty() || !Produce(flight)) waiting_.push_back(flight);
}

bool KafkaProducer::Produce(KafkaFlight& flight) {
  if (client_ == nullptr) {
    if (auto built = Build(); !built) {
      End(flight, FailedWith(built.error().detail));
      return true;
    }
  }
  if (Forbidden(flight.topic)) {
    End(flight, KafkaReport{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
    return true;
  }
  const int error = client_->Produce(flight.message, &flight);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    flight.message = {};
    in_flight_.push_back(flight);
    return true;
  }
  if (KafkaClient::IsFull(error)) {
    if (!in_flight_.empty() || freeing_ > 0) return false;  // reports, or freeing reported messages, will make room
    End(flight, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, Stored::kNo, -1,
                 "the message is larger than librdkafka's queue: raise queue.buffering.max.kbytes"});
    return true;
  }
  if (IsProducerFailure(error)) Condemn("a fatal error");
  End(flight, KafkaReport{error});
  return true;
}

void KafkaProducer::SendWaiting() {
  while (condemned_.empty() && !waiting_.empty()) {
    KafkaFlight& flight = waiting_.front();
    flight.unlink();
    if (!Produce(flight)) return waiting_.push_front(flight);
  }
}

void KafkaProducer::End(KafkaFlight& flight, KafkaReport report) {
  const bool failed = OutcomeOf(report, {}).verdict == Verdict::kFailed;
  const KafkaLane lane = flight.lane;
  flight.resume(std::move(report));
  if (failed) FailLane(lane);
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
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    KafkaFlight& flight = *at++;
    if (!(flight.lane == lane)) continue;
    flight.unlink();
    flight.resume(FailedWith("an earlier event of the repository failed"));
  }
}

bool KafkaProducer::Forbidden(std::size_t topic) const {
  const auto at = forbidden_.find(topic);
  return at != forbidden_.end() && Now() < at->second;
}

void KafkaProducer::OnReport(void* opaque, KafkaReport report) {
  KafkaFlight& flight = *static_cast<KafkaFlight*>(opaque);
  flight.unlink();
  if (report.error == RD_KAFKA_RESP_ERR_NO_ERROR && report.stored == Stored::kYes) {
    Relax();
  } else if (IsTooLarge(report.error)) {
    Shrink(flight, report);
  } else if (IsTopicForbidden(report.error)) {
    // Each such answer costs a client, so what else is under way to the topic is not tried for a while.
    forbidden_[flight.topic] = Now() + kForbiddenFor;
  } else if (!condemned_.empty()) {
    report.reason = condemned_;
  }
  End(flight, std::move(report));
}

// A broker refuses a batch for its size, and with it messages that are not too large. Only a message above the batch
// limit, which travels alone, is known to be too large itself.
void KafkaProducer::Shrink(KafkaFlight& flight, KafkaReport& report) {
  if (flight.bytes > batch_limit_) return;
  shrink_ = true;
  report.error = RD_KAFKA_RESP_ERR_NO_ERROR;
  report.stored = Stored::kNo;
  report.reason = "the broker refused a batch for its size; smaller ones follow";
  Condemn("a batch was refused for its size");
}

void KafkaProducer::OnError(int error, std::string_view text) {
  if (IsAllBrokersDown(error) && trouble_code_ != 0) return;  // said better already
  if (IsPassing(error)) return;
  Worry(error, TroubleOf(error, text, options_.mechanism, rd_kafka_version()));
}

void KafkaProducer::OnFatal(int error, std::string_view text) {
  if (error == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE) {
    log_.Info("Kafka refused a message; a new producer sends those after it, so that none overtakes",
              {{"endpoint", options_.endpoint}, {"error", std::string(text)}});
  } else {
    log_.Error("the Kafka producer failed; a new one takes its place",
               {{"endpoint", options_.endpoint}, {"error", std::string(text)}});
  }
  Condemn(text);
}

void KafkaProducer::OnLog(int level, std::string_view facility, std::string_view text) {
  const runtime::Level ours = IsUsual(facility, text) ? runtime::Level::kDebug : LevelOf(level);
  if (!log_.Enabled(ours) || !log_filter_.Admit(facility, text, Now())) return;
  const std::vector<runtime::LogField> fields{{"endpoint", options_.endpoint}, {"facility", std::string(facility)}};
  log_.Write(ours, "librdkafka: " + std::string(text), fields);
}

Result<void> KafkaProducer::MakeClient() {
  KafkaSettings settings = options_.settings;
  if (batch_limit_ < BatchBytesOf(settings)) settings.emplace_back("batch.size", std::to_string(batch_limit_));
  auto made = KafkaClient::Make(settings, options_.topics);
  if (!made) return Error(made.error());
  client_ = std::move(*made);
  ++generation_;
  return {};
}

Result<void> KafkaProducer::Build() {
  Result<void> made = MakeClient();
  if (made) Start();
  return made;
}

void KafkaProducer::Listen() {
  wakeup_->async_wait(asio::posix::descriptor_base::wait_read,
                      [weak = std::weak_ptr(anchor_), generation = generation_](error_code ec) {
                        const Anchor alive = weak.lock();
                        if (!ec && alive && (*alive)->generation_ == generation) (*alive)->Serve();
                      });
}

void KafkaProducer::Serve() {
  const std::shared_ptr<KafkaClient> client = client_;  // a fatal error may put another one in its place
  KafkaClient::Spent spent;
  const bool more = client->Serve(*this, spent);
  if (!spent.empty()) Free(client, std::move(spent));
  const std::size_t generation = generation_;
  if (!condemned_.empty() && in_flight_.empty()) Retire();
  SendWaiting();
  if (generation != generation_ || client_ == nullptr) return;
  if (!more) return Listen();
  asio::post(executor_, [weak = std::weak_ptr(anchor_), generation] {
    const Anchor alive = weak.lock();
    if (alive && (*alive)->generation_ == generation) (*alive)->Serve();
  });
}

// Frees on the pool, because freeing costs as much as sending. Only afterwards has librdkafka's queue room again.
void KafkaProducer::Free(std::shared_ptr<KafkaClient> client, KafkaClient::Spent spent) {
  ++freeing_;
  asio::post(pool_, [client = std::move(client), spent = std::move(spent), executor = executor_,
                     weak = std::weak_ptr(anchor_)]() mutable {
    spent.clear();
    asio::post(executor, [weak = std::move(weak)] {
      const Anchor alive = weak.lock();
      if (!alive) return;
      --(*alive)->freeing_;
      (*alive)->SendWaiting();
    });
  });
}

// This client takes nothing more. Its messages are reported, those at fault with their own error; then it is replaced.
void KafkaProducer::Condemn(std::string_view reason) {
  if (!condemned_.empty() || client_ == nullptr) return;
  condemned_ = "the producer was replaced: " + std::string(reason);
  client_->Purge();
  timer_.expires_after(in_flight_.empty() ? 0s : kCondemnedFor);
  timer_.async_wait([weak = std::weak_ptr(anchor_), generation = generation_](error_code ec) {
    const Anchor alive = weak.lock();
    if (ec || !alive || (*alive)->generation_ != generation) return;
    (*alive)->Retire();
    (*alive)->SendWaiting();
  });
}

void KafkaProducer::Retire() {
  const std::string reason = std::exchange(condemned_, {});
  timer_.cancel();
  Dismiss();
  while (!in_flight_.empty()) {
    KafkaFlight& flight = in_flight_.front();
    flight.unlink();
    End(flight, FailedWith(reason, Stored::kPossibly));
  }
  if (std::exchange(shrink_, false)) batch_limit_ = std::max<std::size_t>(1, batch_limit_ / kShrinkBy);
  if (auto built = Build(); !built) {
    log_.Error("no Kafka producer could be made", {{"endpoint", options_.endpoint}, {"error", built.error().detail}});
  }
}

// The client ends on the pool: its destructor waits for librdkafka's threads. It is purged at once, because the pool
// may be busy, and until then it would still send.
void KafkaProducer::Dismiss() {
  if (client_ == nullptr) return;
  ++generation_;
  client_->Purge();
  client_->Silence();
  if (wakeup_) wakeup_->release();  // the client closes its descriptor
  wakeup_.reset();
  asio::post(pool_, [client = std::move(client_)]() mutable { client.reset(); });
  client_.reset();
}

// Leaves no client behind: the next message makes one.
void KafkaProducer::Interrupt() {
  condemned_.clear();
  timer_.cancel();
  Dismiss();
  for (Flights* flights : {&waiting_, &in_flight_}) {
    while (!flights->empty()) {
      KafkaFlight& flight = flights->front();
      flight.unlink();
      End(flight, FailedWith("stopping", flights == &in_flight_ ? Stored::kPossibly : Stored::kNo));
    }
  }
}

void KafkaProducer::Abort() {
  aborted_ = true;
  Interrupt();
}

std::string KafkaProducer::trouble() const {
  if (in_flight_.empty() && waiting_.empty()) return {};
  if (!trouble_.empty()) return trouble_;
  const KafkaFlight& oldest = in_flight_.empty() ? waiting_.front() : in_flight_.front();
  if (Now() - oldest.since < options_.patience) return {};
  return "the brokers take messages, but do not confirm them: are enough replicas in sync?";
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
