#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "broker/control.h"
#include "config/config.h"
#include "runtime/clock.h"
#include "runtime/log.h"
#include "runtime/loops.h"
#include "runtime/metrics.h"
#include "sinks/sink.h"
#include "store/store.h"

namespace portcall::broker {

struct BrokerDeps {
  store::Store& store;
  runtime::Loop& loop;  // everything of the broker lives here
  runtime::Lanes& lanes;
  runtime::Log& log;
  runtime::Metrics& metrics;
  const runtime::Clock& clock;
  // How an endpoint's sink is made; empty: by its type.
  std::function<Result<std::unique_ptr<sinks::Sink>>(const config::Endpoint&)> make_sink = {};
  std::chrono::milliseconds sweep_interval{10'000};  // between two looks at what the log may forget
  int connections = 1'000'000;                       // that all endpoints may have open together
};

// Delivers the log to the endpoints (docs/delivery.md §2–§5): one cursor each, none waits for another. Start and Stop
// block and belong to the composition root's thread; the rest is callable from any thread, until Stop.
class Broker final : public Control {
 public:
  // Loads cursors and lanes, makes new endpoints' cursors, turns removed endpoints' cursors into orphans.
  // Hears of new events from the store until it is stopped.
  // kInvalid: the endpoints cannot start as they are, for example with a cursor beyond the log's head.
  static Result<std::unique_ptr<Broker>> Start(BrokerDeps deps, config::ConfigPtr config);
  ~Broker() override;

  Result<void> Apply(config::ConfigPtr config) override;
  Result<void> Pause(const std::string& name, const std::string& reason, const std::string& by) override;
  Result<bool> Resume(const std::string& name, const std::string& by) override;
  Result<std::int64_t> Drop(const std::string& name, const std::string& by) override;
  Result<EndedDead> DropDead(DeadIds ids, const std::string& by) override;
  Result<EndedDead> RetryDead(DeadIds ids, const std::string& by) override;
  std::vector<EndpointStatus> Status() const override;
  void Show() override;
  bool LogIsFull() const override;

  // Stops claiming, waits for attempts in flight up to `grace`, aborts the rest, flushes settlements. What is not
  // settled stays pending. What is appended to the store meanwhile, or later, waits for the next start.
  void Stop(std::chrono::milliseconds grace);

 private:
  class Impl;
  explicit Broker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::broker
