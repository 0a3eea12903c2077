#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "runtime/clock.h"
#include "runtime/log.h"
#include "runtime/loops.h"
#include "runtime/metrics.h"
#include "sinks/sink.h"
#include "store/store.h"

namespace portcall::broker {

enum class BreakerState { kClosed, kHalfOpen, kOpen };

// What an operator wants to see of an endpoint. A copy; counters since the start unless said otherwise.
struct EndpointStatus {
  std::string name, type, url;  // the URL as it may be shown
  BreakerState breaker = BreakerState::kClosed;
  bool paused = false, orphaned = false;
  std::string reason;        // why it is paused, or why the cursor does not move; the last error while it fails
  std::int64_t pending = 0;  // of the log, as of the last flush
  bool pending_is_estimate = false;
  std::chrono::nanoseconds oldest_pending{};  // age of the oldest unsettled event, 0: none
  std::int64_t parked_lanes = 0, in_flight = 0, dead_letters = 0;
  std::uint64_t events = 0, successes = 0, failures = 0, errors = 0, retries = 0;
  std::vector<std::pair<std::string, std::uint64_t>> statuses;  // "200 OK" → responses
};

struct BrokerDeps {
  store::Store& store;
  runtime::Loop& loop;  // everything of the broker lives here
  asio::thread_pool& pool;
  runtime::Log& log;
  runtime::Metrics& metrics;
  const runtime::Clock& clock;
  // How an endpoint's sink is made; empty: by its type.
  std::function<Result<std::unique_ptr<sinks::Sink>>(const config::Endpoint&)> make_sink = {};
  std::chrono::milliseconds sweep_interval{10'000};  // between two looks at what the log may forget
};

// Delivers the log to the endpoints (DELIVERY.md §2–§5): one cursor each, no endpoint waits for another. Start and Stop
// block and belong to the composition root's thread; the rest is callable from any thread.
class Broker {
 public:
  // Loads cursors and lanes, makes new endpoints' cursors, turns removed endpoints' cursors into orphans.
  // kInvalid: what makes a start wrong, such as a cursor beyond the log's head.
  static Result<std::unique_ptr<Broker>> Start(BrokerDeps deps, config::ConfigPtr config);
  ~Broker();

  // The store's on_appended: puts events into the ring (16 MiB, older ones are read from the log) and wakes the broker.
  void OnAppended(const std::vector<store::EventPtr>& events);

  // A new file's endpoints, as a whole or not at all. Blocks until applied.
  Result<void> Apply(config::ConfigPtr config);
  std::vector<EndpointStatus> Status() const;
  // events.onfull is `refuse` and endpoints hold the log at events.maxsize: pushes are to be answered 503.
  bool LogIsFull() const;

  // Stops claiming, waits for attempts in flight up to `grace`, aborts the rest, flushes settlements. What is not
  // settled stays pending. Nothing may be appended to the store after the broker is destroyed.
  void Stop(std::chrono::milliseconds grace);

 private:
  class Impl;
  explicit Broker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::broker
