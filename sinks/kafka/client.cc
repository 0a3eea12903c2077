#include "sinks/kafka/client.h"

#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "sinks/kafka/reserved.h"

namespace portcall::sinks {
namespace {

constexpr int kServeAtOnce = 1'000;  // events; one holds the reports of a whole answer

template <auto kDestroy>
struct Destroyer {
  template <class T>
  void operator()(T* object) const {
    kDestroy(object);
  }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, Destroyer<&rd_kafka_conf_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroyer<&rd_kafka_event_destroy>>;
using Headers = std::unique_ptr<rd_kafka_headers_t, Destroyer<&rd_kafka_headers_destroy>>;
using Failure = std::unique_ptr<rd_kafka_error_t, Destroyer<&rd_kafka_error_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroyer<&rd_kafka_metadata_destroy>>;

Result<Conf> MakeConf(const KafkaSettings& settings) {
  Conf conf(rd_kafka_conf_new());
  std::array<char, 512> why{};
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why.data(), why.size()) == RD_KAFKA_CONF_OK)
      continue;
    // librdkafka's own text repeats the value.
    const std::string text = IsSecretProperty(name) ? "librdkafka refuses its value" : why.data();
    return Error(Errc::kInvalid, std::string("Kafka property ").append(name).append(": ").append(text));
  }
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
  return conf;
}

KafkaReport::Stored StoredOf(const rd_kafka_message_t* message) {
  switch (rd_kafka_message_status(message)) {
    case RD_KAFKA_MSG_STATUS_PERSISTED:
      return KafkaReport::Stored::kYes;
    case RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED:
      return KafkaReport::Stored::kPossibly;
    default:
      return KafkaReport::Stored::kNo;
  }
}

void TellReports(rd_kafka_event_t* event, KafkaListener& listener) {
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    listener.OnReport(message->_private, {message->err, StoredOf(message), message->partition, {}});
  }
}

KafkaFatal FatalOf(rd_kafka_t* handle) {
  std::array<char, 512> why{};
  const int error = rd_kafka_fatal_error(handle, why.data(), why.size());
  return {error, why.data()};
}

void TellError(rd_kafka_t* handle, rd_kafka_event_t* event, KafkaListener& listener) {
  if (rd_kafka_event_error_is_fatal(event) == 0) {
    const char* text = rd_kafka_event_error_string(event);
    return listener.OnError(rd_kafka_event_error(event), text == nullptr ? "" : text);
  }
  listener.OnFatal(FatalOf(handle));
}

void TellLog(rd_kafka_event_t* event, KafkaListener& listener) {
  const char* facility = nullptr;
  const char* text = nullptr;
  int level = 0;
  if (rd_kafka_event_log(event, &facility, &text, &level) != 0) return;
  listener.OnLog(level, facility, text);
}

Headers MakeHeaders(const KafkaMessage& message) {
  Headers headers(rd_kafka_headers_new(message.headers.size()));
  for (const auto& [name, value] : message.headers) {
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  return headers;
}

// librdkafka has two for each of its threads. Where there are none it goes on, but slowly and for as long as it lives.
bool AreDescriptorsLeft() {
  constexpr int kSome = 8;
  std::array<runtime::Fd, kSome> some;
  for (runtime::Fd& one : some) {
    one = runtime::Fd(::eventfd(0, EFD_CLOEXEC));
    if (!one) return false;
  }
  return true;
}

int LookUp(const char* node, const char* service, const addrinfo* hints, addrinfo** found, void* lookups) {
  if (hints != nullptr) return static_cast<KafkaLookups*>(lookups)->Find(node, service, hints, found);
  ::freeaddrinfo(*found);
  return 0;
}

// librdkafka's signatures want void*, but it only reads these bytes.
void* Borrowed(const std::string& bytes) { return const_cast<char*>(bytes.data()); }

}  // namespace

Result<void> KafkaClient::Check(const KafkaSettings& settings) {
  const auto conf = MakeConf(settings);
  return conf ? Result<void>() : Result<void>(conf.error());
}

Result<std::shared_ptr<KafkaClient>> KafkaClient::Make(const KafkaSettings& settings, std::vector<std::string> topics,
                                                       http::LookupThreads lookup_threads) {
  auto conf = MakeConf(settings);
  if (!conf) return Error(conf.error());
  // Before librdkafka has threads, which nothing may leave behind.
  Parts parts;
  parts.wakeup_fd = runtime::Fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!parts.wakeup_fd || !AreDescriptorsLeft()) {
    return Error(Errc::kUnavailable, std::generic_category().message(errno));
  }
  parts.lookups = std::make_unique<KafkaLookups>(std::move(lookup_threads));
  rd_kafka_conf_set_opaque(conf->get(), parts.lookups.get());
  rd_kafka_conf_set_resolve_cb(conf->get(), &LookUp);
  std::array<char, 512> why{};
  parts.handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why.data(), why.size());
  if (parts.handle == nullptr) {
    if (errno == EDEADLK) {  // its threads did not start in time, but may still: what they use stays
      [[maybe_unused]] const auto* left = parts.lookups.release();
      [[maybe_unused]] const auto* theirs = conf->release();
    }
    const bool shortage = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE || !AreDescriptorsLeft();
    return Error(shortage ? Errc::kUnavailable : Errc::kInvalid, std::string("Kafka: ") + why.data());
  }
  [[maybe_unused]] const auto* taken = conf->release();  // the producer's now
  return std::shared_ptr<KafkaClient>(new KafkaClient(std::move(parts), std::move(topics)));
}

KafkaClient::KafkaClient(Parts parts, std::vector<std::string> topics)
    : wakeup_fd_(std::move(parts.wakeup_fd)),
      lookups_(std::move(parts.lookups)),
      handle_(parts.handle),
      queue_(rd_kafka_queue_get_main(handle_)),
      names_(std::move(topics)),
      topics_(names_.size(), nullptr) {
  const std::uint64_t one = 1;
  rd_kafka_set_log_queue(handle_, queue_);
  rd_kafka_queue_io_event_enable(queue_, wakeup_fd(), &one, sizeof one);
  // Only the first entry of an empty queue wakes, and there may be some already.
  [[maybe_unused]] const ssize_t written = ::write(wakeup_fd(), &one, sizeof one);
}

KafkaClient::~KafkaClient() {
  lookups_->End();
  Silence();
  Purge();
  for (rd_kafka_topic_t* topic : topics_) {
    if (topic != nullptr) rd_kafka_topic_destroy(topic);
  }
  rd_kafka_queue_destroy(queue_);
  rd_kafka_destroy(handle_);
}

rd_kafka_topic_s* KafkaClient::TopicAt(std::size_t place) {
  rd_kafka_topic_t*& topic = topics_[place];
  if (topic == nullptr) topic = rd_kafka_topic_new(handle_, names_[place].c_str(), nullptr);
  return topic;
}

int KafkaClient::Produce(const KafkaMessage& message, void* opaque) {
  rd_kafka_topic_t* topic = TopicAt(message.topic);
  if (topic == nullptr) return rd_kafka_last_error();
  Headers headers = MakeHeaders(message);
  std::array<rd_kafka_vu_t, 6> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_RKT;
  parts[0].u.rkt = topic;
  parts[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[1].u.i = message.body ? 0 : RD_KAFKA_MSG_F_COPY;
  parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[2].u.mem = {Borrowed(message.payload()), message.payload().size()};
  parts[3].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[3].u.headers = headers.get();
  parts[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[4].u.ptr = opaque;
  std::size_t count = 5;
  if (!message.key.empty()) {
    parts[count].vtype = RD_KAFKA_VTYPE_KEY;
    parts[count++].u.mem = {Borrowed(message.key), message.key.size()};
  }
  const Failure failure(rd_kafka_produceva(handle_, parts.data(), count));
  if (failure) return rd_kafka_error_code(failure.get());
  [[maybe_unused]] const auto* taken = headers.release();  // the message's now
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

KafkaFatal KafkaClient::fatal() const { return FatalOf(handle_); }

bool KafkaClient::IsFull(int error) { return error == RD_KAFKA_RESP_ERR__QUEUE_FULL; }

bool KafkaClient::Serve(KafkaListener& listener, Spent& spent) {
  std::uint64_t wakeups = 0;
  [[maybe_unused]] const ssize_t none = ::read(wakeup_fd(), &wakeups, sizeof wakeups);  // before the queue is looked at
  for (int served = 0; served < kServeAtOnce; ++served) {
    Event event(rd_kafka_queue_poll(queue_, 0));
    if (!event) return false;
    switch (rd_kafka_event_type(event.get())) {
      case RD_KAFKA_EVENT_DR:
        TellReports(event.get(), listener);
        spent.emplace_back(std::move(event));
        break;
      case RD_KAFKA_EVENT_ERROR:
        TellError(handle_, event.get(), listener);
        break;
      case RD_KAFKA_EVENT_LOG:
        TellLog(event.get(), listener);
        break;
      default:
        break;
    }
  }
  return true;
}

void KafkaClient::Purge() {
  rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

void KafkaClient::Silence() { rd_kafka_queue_io_event_enable(queue_, -1, nullptr, 0); }

Result<KafkaClient::PartitionCounts> KafkaClient::Partitions(std::span<const std::size_t> topics,
                                                             std::chrono::milliseconds patience) {
  PartitionCounts counts;
  for (const std::size_t place : topics) {
    rd_kafka_topic_t* topic = rd_kafka_topic_new(handle_, names_[place].c_str(), nullptr);
    if (topic == nullptr) return Error(Errc::kInvalid, names_[place] + ": " + rd_kafka_err2str(rd_kafka_last_error()));
    const rd_kafka_metadata_t* answer = nullptr;
    const auto failed = rd_kafka_metadata(handle_, 0, topic, &answer, static_cast<int>(patience.count()));
    rd_kafka_topic_destroy(topic);
    if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) return Error(Errc::kUnavailable, rd_kafka_err2str(failed));
    const Metadata metadata(answer);
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      const rd_kafka_metadata_topic_t& found = metadata->topics[i];
      const bool missing = IsUnknownTopic(found.err);
      if (missing || found.err == RD_KAFKA_RESP_ERR_NO_ERROR) counts[found.topic] = missing ? 0 : found.partition_cnt;
    }
  }
  return counts;
}

}  // namespace portcall::sinks
