#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/result.h"
#include "runtime/task.h"
#include "store/event.h"

namespace portcall::sinks {

// How one attempt ended (DELIVERY.md §4). The policy on it lives in the broker.
enum class Verdict {
  kDelivered,      // settled: 2xx, or the delivery report
  kFailed,         // the endpoint's failure: anything else, no answer in time
  kRejected,       // the event's fault: 400, 413, 415, 422
  kUndeliverable,  // no repetition can help: dead letter at once, `error` says why
  kGone,           // 410: pause the endpoint
};

struct Outcome {
  Verdict verdict = Verdict::kFailed;
  int status = 0;           // HTTP status, 0: none
  std::string status_text;  // "200 OK", for the metric; empty: no answer
  std::string error;        // one line, no secrets; empty when delivered
  std::string answer;       // capped body of a refusal, for the dead letter
  // Of a delivery: what the destination holds by now, for the sink alone to read. It is stored no later than the event
  // is settled, and the newest of the endpoint's is what Open() brings back. Empty: nothing to remember.
  std::string receipt;
  // False: no byte of the request left, so a repetition cannot do harm (no such host, refused, TLS).
  bool maybe_received = true;
  std::optional<std::chrono::milliseconds> retry_after;
  std::chrono::nanoseconds latency{};
};

// One attempt's load: events of one endpoint, in order. Most formats allow exactly one.
struct Batch {
  std::vector<store::EventPtr> events;
  int attempt = 1;  // of the first event, counting this one
};

// What a sink can take at a time.
struct Capacity {
  std::size_t window = 32;             // attempts in flight
  std::size_t window_bytes = 4 << 20;  // of events in flight and waiting for it, about
  std::size_t batch = 1;               // events in an attempt
  // Several events of one lane in flight. The sink itself keeps their order: where it reports one as failed, later ones
  // of its lane that it delivers nevertheless may be sent again, but none was accepted without those before it.
  bool pipelines_lanes = false;
};

// One destination. It makes one attempt and says how it ended: never retries, never sleeps, never throws, never touches
// the store. It lives on one loop and must outlive its attempts. Every attempt ends within the endpoint's timeout,
// except where the sink's own queue keeps it until the destination is back (Kafka), which Trouble() then tells.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Capacity capacity() const = 0;
  // The first call, once no other sink of this endpoint is at work: the newest receipt that was stored with what the
  // endpoint has settled. The destination may hold more than that says, never less. Empty: there is none.
  virtual void Open(const std::string& /*receipt*/) {}
  virtual Task<Outcome> Deliver(Batch batch) = 0;
  // Attempts under way end now, as failed, and nothing of them comes later; what is delivered from then on is tried as
  // ever. An attempt between two steps may miss it: who waits for one calls again.
  virtual void Interrupt() = 0;
  // Shutdown: the same, and so ends what is still delivered.
  virtual void Abort() = 0;
  // The last call, once no attempt is under way, before the sink is destroyed: what it ends in an orderly way, such as
  // a closing checkpoint or a library's threads. Takes two seconds at most.
  virtual Task<> Close() { co_return; }
  // What is wrong with the destination while attempts wait for it instead of failing; one line, no secrets; empty:
  // nothing is known to be wrong.
  virtual std::string Trouble() const { return {}; }
};

}  // namespace portcall::sinks
