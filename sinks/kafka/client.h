#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/files.h"
#include "runtime/http/lookup_threads.h"
#include "runtime/result.h"
#include "sinks/kafka/lookups.h"
#include "sinks/kafka/message.h"
#include "sinks/kafka/report.h"
#include "sinks/kafka/settings.h"

struct rd_kafka_s;
struct rd_kafka_queue_s;
struct rd_kafka_topic_s;

namespace portcall::sinks {

// What happened in a client; called from within Serve() alone.
class KafkaListener {
 public:
  virtual ~KafkaListener() = default;
  virtual void OnReport(void* opaque, KafkaReport report) = 0;  // once for each produced message
  virtual void OnError(int error, std::string_view text) = 0;
  virtual void OnFatal(const KafkaFatal& fatal) = 0;
  virtual void OnLog(int level, std::string_view facility, std::string_view text) = 0;  // level as in syslog
};

// One producer of librdkafka in event mode: what it has to say wakes a file descriptor, and Serve() fetches it. Used by
// one thread, except Partitions(). librdkafka's header stays behind it.
class KafkaClient {
 public:
  using PartitionCounts = std::map<std::string, int>;  // 0: there is no such topic

  // The error that Make would give for a setting on its own.
  static Result<void> Check(const KafkaSettings& settings);
  // Does not connect. KafkaMessage::topic is a place in `topics`. kInvalid: a property, by name; its value is shown
  // only where it is no secret. kUnavailable: descriptors or threads have run out, which may be over soon.
  static Result<std::shared_ptr<KafkaClient>> Make(const KafkaSettings& settings, std::vector<std::string> topics,
                                                   http::LookupThreads lookup_threads);
  // Waits for librdkafka's threads, but for no name lookup; what was not reported is forgotten.
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  int wakeup_fd() const { return wakeup_fd_.get(); }
  // Copies the message, but not its `body`, which must stay until the message is freed: with what Serve() calls spent,
  // else with the client (Keep). Returns an error code for OutcomeOf, or 0: it will be reported with `opaque`.
  int Produce(const KafkaMessage& message, void* opaque);
  KafkaFatal fatal() const;       // what has ended it
  static bool IsFull(int error);  // Produce's error says that its queue has no room now
  // Fetches what there is, without waiting. False: nothing is left, and the descriptor wakes for what comes. `spent`
  // takes the reported messages, which are costly to free: clear it on any thread, but before the client goes.
  using Spent = std::vector<std::shared_ptr<void>>;
  bool Serve(KafkaListener& listener, Spent& spent);
  void Keep(std::shared_ptr<const void> body) { kept_.push_back(std::move(body)); }
  void Purge();    // all messages under way are reported now, as failed
  void Silence();  // the descriptor wakes no more

  // Asks the brokers for these topics, given by place. Blocks for `patience` at most; any thread.
  Result<PartitionCounts> Partitions(std::span<const std::size_t> topics, std::chrono::milliseconds patience);
  rd_kafka_s* handle() const {
    return handle_;
  }  // for who only looks; and tests, for what only a broken cluster causes

 private:
  struct Parts {
    runtime::Fd wakeup_fd;
    std::unique_ptr<KafkaLookups> lookups;
    rd_kafka_s* handle = nullptr;
  };
  KafkaClient(Parts parts, std::vector<std::string> topics);
  rd_kafka_topic_s* TopicAt(std::size_t place);

  const runtime::Fd wakeup_fd_;
  const std::unique_ptr<KafkaLookups> lookups_;
  std::vector<std::shared_ptr<const void>> kept_;
  rd_kafka_s* handle_;
  rd_kafka_queue_s* queue_;
  const std::vector<std::string> names_;
  std::vector<rd_kafka_topic_s*> topics_;  // made when first used
};

}  // namespace portcall::sinks
