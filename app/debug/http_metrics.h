#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <string_view>

#include "runtime/http/server.h"
#include "runtime/metrics.h"

namespace portcall::app {

// Distribution's registry_http_* families. Handles are kept in fixed arrays, so that a request costs a few increments;
// what is no known handler, method or status is counted as such. Callable from any thread.
class HttpMetrics {
 public:
  explicit HttpMetrics(runtime::Metrics& metrics);

  // Counts a request as being in flight until it is destroyed.
  class InFlight {
   public:
    explicit InFlight(prometheus::Gauge& gauge);
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
    ~InFlight();

   private:
    prometheus::Gauge& gauge_;
  };
  // `handler_name` as the route names it; what is no known name, or none, counts as "other".
  InFlight Enter(std::string_view handler_name) const;
  void Observe(const http::Exchange& exchange, std::string_view handler_name);

  static constexpr std::size_t kHandlers = 10, kMethods = 8, kStatuses = 33;

 private:
  prometheus::Counter& CounterOf(std::size_t handler, std::size_t method, std::size_t status);
  prometheus::Histogram& DurationOf(std::size_t handler, std::size_t method);

  runtime::Metrics& metrics_;
  std::array<prometheus::Gauge*, kHandlers> in_flight_{};
  std::array<prometheus::Histogram*, kHandlers> request_size_{}, response_size_{};
  // Made when first met, because most combinations never come.
  std::array<std::array<std::atomic<prometheus::Histogram*>, kMethods>, kHandlers> duration_{};
  std::array<std::array<std::array<std::atomic<prometheus::Counter*>, kStatuses>, kMethods>, kHandlers> requests_{};
};

}  // namespace portcall::app
