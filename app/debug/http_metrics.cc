#include "app/debug/http_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <string>
#include <vector>

namespace portcall::app {
namespace {

constexpr std::array<std::string_view, HttpMetrics::kHandlers> kHandlerNames = {
    "base", "manifest", "tags", "blob", "blob_upload", "blob_upload_chunk", "catalog", "referrers", "health", "other"};
constexpr std::array<std::string_view, HttpMetrics::kMethods> kMethodNames = {"GET",   "HEAD",   "PUT",     "POST",
                                                                              "PATCH", "DELETE", "OPTIONS", "other"};
constexpr std::array<std::string_view, HttpMetrics::kMethods> kMethodLabels = {"get",   "head",   "put",     "post",
                                                                               "patch", "delete", "options", "other"};
constexpr std::array<int, HttpMetrics::kStatuses> kStatusCodes = {200, 201, 202, 204, 206, 301, 302, 304, 307, 308, 400,
                                                                  401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413,
                                                                  414, 415, 416, 422, 429, 431, 499, 500, 503, 507, 0};

// Where `value` stands in `known`; its last place stands for everything else.
template <class T, std::size_t N>
std::size_t PlaceOf(const std::array<T, N>& known, const T& value) {
  return std::min<std::size_t>(static_cast<std::size_t>(std::ranges::find(known, value) - known.begin()), N - 1);
}

const std::vector<double> kDurations = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25, 60};

std::vector<double> Sizes() {  // 1 KiB to 2 GiB, as Distribution has them
  std::vector<double> sizes;
  for (double size = 1024; sizes.size() < 22; size *= 2) sizes.push_back(size);
  return sizes;
}

}  // namespace

HttpMetrics::InFlight::InFlight(prometheus::Gauge& gauge) : gauge_(gauge) { gauge_.Increment(); }
HttpMetrics::InFlight::~InFlight() { gauge_.Decrement(); }

HttpMetrics::HttpMetrics(runtime::Metrics& metrics) : metrics_(metrics) {
  for (std::size_t handler = 0; handler < kHandlers; ++handler) {
    const runtime::Labels labels = {{"handler", std::string(kHandlerNames[handler])}};
    in_flight_[handler] = &metrics_.Level("registry_http_in_flight_requests", "The in-flight HTTP requests", labels);
    request_size_[handler] =
        &metrics_.Spread("registry_http_request_size_bytes", "The HTTP request sizes in bytes.", Sizes(), labels);
    response_size_[handler] =
        &metrics_.Spread("registry_http_response_size_bytes", "The HTTP response sizes in bytes.", Sizes(), labels);
  }
}

HttpMetrics::InFlight HttpMetrics::Enter(std::string_view handler_name) const {
  return InFlight(*in_flight_[PlaceOf(kHandlerNames, handler_name)]);
}

void HttpMetrics::Observe(const http::Exchange& exchange, std::string_view handler_name) {
  const std::size_t handler = PlaceOf(kHandlerNames, handler_name);
  const std::size_t method = PlaceOf(kMethodNames, std::string_view(exchange.request.method));
  CounterOf(handler, method, PlaceOf(kStatusCodes, exchange.status())).Increment();
  DurationOf(handler, method).Observe(std::chrono::duration<double>(exchange.duration).count());
  request_size_[handler]->Observe(static_cast<double>(exchange.read));
  response_size_[handler]->Observe(static_cast<double>(exchange.written));
}

prometheus::Counter& HttpMetrics::CounterOf(std::size_t handler, std::size_t method, std::size_t status) {
  auto& slot = requests_[handler][method][status];
  if (prometheus::Counter* known = slot.load(std::memory_order_acquire)) return *known;
  const std::string code = kStatusCodes[status] == 0 ? "other" : std::to_string(kStatusCodes[status]);
  prometheus::Counter& made = metrics_.Count("registry_http_requests_total", "Total number of HTTP requests made.",
                                             {{"code", code},
                                              {"handler", std::string(kHandlerNames[handler])},
                                              {"method", std::string(kMethodLabels[method])}});
  slot.store(&made, std::memory_order_release);
  return made;
}

prometheus::Histogram& HttpMetrics::DurationOf(std::size_t handler, std::size_t method) {
  auto& slot = duration_[handler][method];
  if (prometheus::Histogram* known = slot.load(std::memory_order_acquire)) return *known;
  prometheus::Histogram& made = metrics_.Spread(
      "registry_http_request_duration_seconds", "The HTTP request latencies in seconds.", kDurations,
      {{"handler", std::string(kHandlerNames[handler])}, {"method", std::string(kMethodLabels[method])}});
  slot.store(&made, std::memory_order_release);
  return made;
}

}  // namespace portcall::app
