#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace portcall::sinks {

// How one attempt ended (docs/delivery.md §4). The policy on it lives in the broker.
enum class Verdict {
  kDelivered,      // settled: 2xx, or the delivery report
  kFailed,         // the endpoint's failure: anything else, no answer in time
  kRejected,       // the event's fault: 400, 413, 415, 422
  kUndeliverable,  // no repetition can help: dead letter at once, `error` says why
  kGone,           // 410: pause the endpoint
};

// Whom a failure (kFailed) is about; of other verdicts it has no meaning. A sink that knows nothing better says
// kEndpoint.
enum class Blames {
  kEndpoint,  // the destination as a whole
  // One part of a destination that has several (a topic, a project): the destination itself has answered. The event
  // waits as one that fails alone; the rest of the endpoint goes on.
  kPart,
  // Neither the destination nor the event: the attempt ended because another one failed. It does not count, and the
  // event goes out again at once.
  kNobody,
};

struct Outcome {
  Verdict verdict = Verdict::kFailed;
  Blames blames = Blames::kEndpoint;
  int status = 0;           // HTTP status, 0: none
  std::string status_text;  // "200 OK", for the metric; empty: no answer
  std::string error;        // one line, no secrets; empty when delivered
  std::string answer;       // capped body of a refusal, for the dead letter
  // Of a delivery: what the destination holds by now, for the sink alone to read. It is stored no later than the event
  // is settled, and the newest of the endpoint's is what Open() brings back. Empty: nothing to remember.
  std::string receipt;
  int partition = -1;  // of the destination, where it has some and it is known; the sink's alone to read
  // False: no byte of the request left, so a repetition cannot do harm (no such host, refused, TLS).
  bool maybe_received = true;
  std::optional<std::chrono::milliseconds> retry_after;
  std::chrono::nanoseconds latency{};
};

// What a sink can take at a time.
struct Capacity {
  std::size_t window = 32;             // attempts in flight
  std::size_t window_bytes = 4 << 20;  // of events in flight and waiting for it, about
  std::size_t batch = 1;               // events in an attempt
  // Several events of one lane in flight. The sink itself keeps their order: where it reports one as failed, later ones
  // of its lane that it delivers nevertheless may be sent again, but none was accepted without those before it.
  bool pipelines_lanes = false;
  bool sets_aside = false;  // undeliverable events go through SetAside() before they are given up
};

}  // namespace portcall::sinks
