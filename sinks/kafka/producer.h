#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/clock.h"
#include "runtime/timer.h"
#include "sinks/kafka/batch_limit.h"
#include "sinks/kafka/client.h"
#include "sinks/kafka/log_filter.h"
#include "sinks/kafka/renewal.h"
#include "sinks/kind.h"

namespace portcall::sinks {

// Messages of one lane are kept in order. The texts must outlive the flight.
struct KafkaLane {
  std::string_view source, repository;
  bool operator==(const KafkaLane&) const = default;
  std::string text() const { return std::string(source).append("\n").append(repository); }
};

// A message on its way, in the coroutine that waits for its report.
struct KafkaFlight : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  KafkaMessage message;           // emptied, but for its body, once librdkafka holds it
  std::optional<KafkaLane> lane;  // none: it need not be in order with any other, nor with what it is sent again for
  std::size_t topic = 0;
  std::size_t bytes = 0;
  KafkaBatchLimit::Ride ride;
  runtime::SteadyTime since{};
  Resume<KafkaReport> resume;
};

// Hands messages to librdkafka and wakes who waits for their reports, all on one loop and without a thread of its own.
// A full queue of librdkafka keeps messages here, in order. After a fatal error what is under way fails, and a new
// client takes the place of the old one, which ends on a lane of its own, as what is freed does: neither waits for the
// other, nor for those of other endpoints. Where it was replaced because a message was refused, the others' reports say
// so (KafkaReport::for_another). Where none can be made, or brokers admit none, what is sent waits here until the next
// one may be made (KafkaRenewal), and trouble() says why.
//
// A broker refuses a batch, and with it messages that have no fault: less is sent at a time then, of that topic alone,
// until it is known which message is to blame, or that none is.
//
// Order: once a message of a lane has failed, none of those that were handed in before its sender learned of it is
// accepted by the brokers, within one topic. Not thread-safe; must outlive its flights.
class KafkaProducer final : private KafkaListener {
 public:
  struct Options {
    std::string endpoint;   // its name, for the log
    std::string mechanism;  // of SASL
    KafkaSettings settings;
    std::vector<std::string> topics;
    std::chrono::milliseconds patience{10'000};  // without a report, until trouble() says so
    std::vector<std::string> hidden = {};        // taken out of what the log and trouble() say
    // How long the brokers are not asked again whether a topic may be written to, at most: each refusal costs a client.
    std::chrono::seconds longest_refusal{5};
    KafkaRenewal::Pauses pauses = {};
    bool on_demand = false;  // no client before the first message
    bool gives_up = false;   // what has no report for longer than `patience` ends as failed
  };
  // kInvalid as KafkaClient::Make says it, kUnavailable: no thread of its own. On any thread; reports nothing before
  // Start().
  static Result<std::unique_ptr<KafkaProducer>> Make(Options options, const Surroundings& around);
  ~KafkaProducer() override;

  void Start();  // on the loop, once, before the first message
  Task<KafkaReport> Send(KafkaFlight& flight);
  // Everything under way ends now, as failed; a new client takes what is sent from then on.
  void Interrupt();
  // As Interrupt(), and what is sent afterwards fails too.
  void Abort();
  std::string trouble() const;
  // The current client, for calls that block and so run on a lane; null while there is none.
  std::shared_ptr<KafkaClient> client() const { return client_; }

 private:
  using Flights = boost::intrusive::list<KafkaFlight, boost::intrusive::constant_time_size<false>>;
  using Anchor = std::shared_ptr<KafkaProducer*>;  // what handlers hold weakly, so that none comes after the end

  struct Threads {
    std::shared_ptr<runtime::Lane> freeing, ending;
  };

  struct Topic {
    explicit Topic(std::size_t batch_bytes) : limit(batch_bytes) {}
    KafkaBatchLimit limit;
    Flights held;  // until the limit admits them, in the order in which they came
    // Not authorized: until when, and how long the last time.
    std::optional<runtime::SteadyTime> forbidden_until;
    std::chrono::seconds forbidden_for{0};
  };

  KafkaProducer(Options options, Threads threads, const Surroundings& around);
  void OnReport(void* opaque, KafkaReport report) override;
  void OnError(int error, std::string_view text) override;
  void OnFatal(const KafkaFatal& fatal) override;
  void OnLog(int level, std::string_view facility, std::string_view text) override;

  Result<void> MakeClient();
  Result<void> Attach();  // the client to the loop
  bool Renew();
  void Listen();
  void Serve();
  void Free(std::shared_ptr<KafkaClient> client, KafkaClient::Spent spent);
  void Take(KafkaFlight& flight);
  void SendWaiting();
  bool Produce(KafkaFlight& flight);   // false: there is no room
  bool HandOver(KafkaFlight& flight);  // the same, whatever its topic holds
  void End(KafkaFlight& flight, KafkaReport report);
  void FailLane(const KafkaLane& lane);
  static void FailLane(Flights& flights, const KafkaLane& lane);
  void Forbid(Topic& topic) const;
  void Refused(KafkaFlight& flight, KafkaReport& report);
  void Condemn(std::string reason, bool for_another);
  void WatchPatience();
  std::optional<runtime::SteadyTime> Oldest() const;
  void EndAll(const KafkaReport& report);
  void ComeBackIn(runtime::SteadyTime::duration wait);
  void Retire();
  void Dismiss();
  std::string Shown(std::string_view text) const;
  void Worry(int error, std::string text);
  void Relax();

  const Options options_;
  Executor executor_;
  runtime::Log& log_;
  const Threads threads_;
  const http::LookupThreads lookup_threads_;
  const Anchor anchor_;

  std::shared_ptr<KafkaClient> client_;
  KafkaRenewal renewal_;
  std::optional<asio::posix::basic_stream_descriptor<Executor>> wakeup_;
  Timer timer_, patience_;
  bool watching_ = false;       // by patience_
  std::size_t generation_ = 0;  // of the client: what was started for an older one does nothing

  Flights in_flight_, waiting_;                        // each in the order in which they came
  std::deque<Topic> topics_;                           // as Options::topics
  std::unordered_map<std::string, int> failed_lanes_;  // whose senders do not know it yet
  bool aborted_ = false;
  std::string condemned_;               // why this client is given up; empty: it is not
  bool condemned_for_another_ = false;  // one of its messages was refused, which is no fault of the others

  std::vector<std::shared_ptr<const Encoded>> bodies_;  // of messages that were just reported
  int freeing_ = 0;  // batches of reported messages that still take room in librdkafka's queue
  int trouble_code_ = 0;
  std::string trouble_;
  KafkaLogFilter log_filter_;
};

}  // namespace portcall::sinks
