#pragma once

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "broker/status.h"
#include "runtime/metrics.h"
#include "sinks/sink.h"
#include "store/event.h"

namespace portcall::broker {

// The series of one endpoint: names, labels and buckets of GitLab's registry, and our own with the prefix portcall_.
// Handles are resolved once. Written by the broker's loop.
class EndpointMetrics {
 public:
  struct Levels {
    std::int64_t pending = 0, dead_letters = 0, parked = 0, in_flight = 0, window = 0;
    std::optional<std::chrono::nanoseconds> oldest_pending = {};
    BreakerState breaker = BreakerState::kClosed;
    bool paused = false;
  };

  EndpointMetrics(runtime::Metrics& metrics, const std::string& endpoint);

  void Recorded(const store::Event& event);  // the endpoint wants it
  void Ended(const store::Event& event, int attempt, const sinks::Outcome& outcome, std::int64_t wall_now);
  void Lost(std::int64_t events = 1);
  void Superseded();
  void Show(const Levels& levels);
  void Describe(EndpointStatus& status) const;
  // As a gauge shows an age, in seconds: 0 where there is none.
  static double LevelOf(std::optional<std::chrono::nanoseconds> age);

 private:
  enum Type : std::size_t { kEvents, kSuccesses, kFailures };
  void CountEvent(Type type, const store::Event& event);
  void CountStatus(const sinks::Outcome& outcome);
  struct Status {
    std::string text;
    prometheus::Counter* counter = nullptr;
    std::uint64_t count = 0;
  };

  runtime::Metrics& metrics_;
  const std::string endpoint_;
  using Kinds = std::array<prometheus::Counter*, store::kKinds>;
  std::array<std::array<Kinds, store::kActions>, 3> events_{};  // type, action, kind
  std::map<int, Status> statuses_;
  prometheus::Counter &errors_, &delivered_, &lost_, &superseded_;
  prometheus::Gauge &pending_, &pending_alias_, &oldest_, &breaker_, &paused_, &dead_, &parked_, &in_flight_, &window_;
  prometheus::Histogram &retries_, &http_latency_, &total_latency_;
  std::array<std::uint64_t, 3> counts_{};
  std::uint64_t error_count_ = 0, retry_count_ = 0;
};

}  // namespace portcall::broker
