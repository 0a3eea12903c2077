#include "broker/endpoint/endpoint_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

namespace portcall::broker {
namespace {

const std::vector<double> kRetryBuckets = {0, 1, 2, 3, 5, 10, 15, 20, 30, 50};
const std::vector<double> kLatencyBuckets = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100};

std::string Notifications(const char* name) { return std::string("registry_notifications_") + name; }
std::string Ours(const char* name) { return std::string("portcall_notifications_") + name; }

double Seconds(std::int64_t nanos) { return static_cast<double>(nanos) / 1e9; }

}  // namespace

EndpointMetrics::EndpointMetrics(runtime::Metrics& m, const std::string& endpoint)
    : metrics_(m),
      endpoint_(endpoint),
      errors_(m.Count(Notifications("errors_total"),
                      "The number of events where an error occurred during sending. Sending them MIGHT be retried",
                      {{"endpoint", endpoint}})),
      delivered_(m.Count(Notifications("delivery_total"), "The number of events delivered or lost",
                         {{"endpoint", endpoint}, {"delivery_type", "delivered"}})),
      lost_(m.Count(Notifications("delivery_total"), "The number of events delivered or lost",
                    {{"endpoint", endpoint}, {"delivery_type", "lost"}})),
      superseded_(m.Count(Ours("superseded_total"), "The number of events that a later push of their tag replaced",
                          {{"endpoint", endpoint}})),
      pending_(m.Level(Notifications("pending"), "The gauge of pending events in queue", {{"endpoint", endpoint}})),
      pending_alias_(m.Level(Notifications("pending_total"), "The gauge of pending events in queue, by its other name",
                             {{"endpoint", endpoint}})),
      oldest_(m.Level(Ours("oldest_pending_seconds"), "The age of the oldest pending event", {{"endpoint", endpoint}})),
      breaker_(m.Level(Ours("breaker_state"), "0: closed, 1: half open, 2: open", {{"endpoint", endpoint}})),
      paused_(m.Level(Ours("paused"),
                      "1: it answered 410, or an operator paused it, and nothing is sent until it is resumed",
                      {{"endpoint", endpoint}})),
      dead_(m.Level(Ours("dead_letters"), "Events that ended without delivery and are kept", {{"endpoint", endpoint}})),
      parked_(m.Level(Ours("parked_lanes"), "Lanes that the cursor has passed", {{"endpoint", endpoint}})),
      in_flight_(m.Level(Ours("in_flight"), "Attempts under way", {{"endpoint", endpoint}})),
      window_(m.Level(Ours("window"), "Attempts that may be under way", {{"endpoint", endpoint}})),
      retries_(m.Spread(Notifications("retries_count"), "The histogram of delivery retries", kRetryBuckets,
                        {{"endpoint", endpoint}})),
      http_latency_(m.Spread(Notifications("http_latency_seconds"), "The histogram of HTTP delivery latency",
                             kLatencyBuckets, {{"endpoint", endpoint}})),
      total_latency_(m.Spread(Notifications("total_latency_seconds"), "The histogram of total delivery latency",
                              kLatencyBuckets, {{"endpoint", endpoint}})) {}

void EndpointMetrics::CountEvent(Type type, const store::Event& event) {
  static constexpr std::array kTypes = {"Events", "Successes", "Failures"};
  auto& counter = events_[type][static_cast<std::size_t>(event.action)][static_cast<std::size_t>(event.kind)];
  if (counter == nullptr) {
    counter = &metrics_.Count(Notifications("events_total"), "The number of total events",
                              {{"type", kTypes[type]},
                               {"action", std::string(NameOf(event.action))},
                               {"artifact", std::string(NameOf(event.kind))},
                               {"endpoint", endpoint_}});
  }
  counter->Increment();
  ++counts_[type];
}

void EndpointMetrics::Recorded(const store::Event& event) { CountEvent(kEvents, event); }

void EndpointMetrics::CountStatus(const sinks::Outcome& outcome) {
  Status& status = statuses_[outcome.status];
  if (status.counter == nullptr) {
    status.text = outcome.status_text;
    status.counter = &metrics_.Count(Notifications("status_total"), "The number of HTTP responses per status code",
                                     {{"code", status.text}, {"endpoint", endpoint_}});
  }
  status.counter->Increment();
  ++status.count;
}

void EndpointMetrics::Ended(const store::Event& event, int attempt, const sinks::Outcome& outcome,
                            std::int64_t wall_now) {
  http_latency_.Observe(Seconds(outcome.latency.count()));
  if (attempt > 1) ++retry_count_;
  if (outcome.status != 0) {
    CountStatus(outcome);
  } else if (outcome.verdict != sinks::Verdict::kDelivered) {
    errors_.Increment();
    ++error_count_;
  }
  if (outcome.verdict != sinks::Verdict::kDelivered) return CountEvent(kFailures, event);
  CountEvent(kSuccesses, event);
  delivered_.Increment();
  retries_.Observe(attempt - 1);
  total_latency_.Observe(Seconds(std::max<std::int64_t>(0, wall_now - event.recorded_at)));
}

void EndpointMetrics::Lost(std::int64_t events) { lost_.Increment(static_cast<double>(events)); }

void EndpointMetrics::Superseded() { superseded_.Increment(); }

void EndpointMetrics::Show(const Levels& levels) {
  pending_.Set(static_cast<double>(levels.pending));
  pending_alias_.Set(static_cast<double>(levels.pending));
  oldest_.Set(LevelOf(levels.oldest_pending));
  breaker_.Set(static_cast<double>(levels.breaker));
  paused_.Set(levels.paused ? 1 : 0);
  dead_.Set(static_cast<double>(levels.dead_letters));
  parked_.Set(static_cast<double>(levels.parked));
  in_flight_.Set(static_cast<double>(levels.in_flight));
  window_.Set(static_cast<double>(levels.window));
}

double EndpointMetrics::LevelOf(std::optional<std::chrono::nanoseconds> age) { return age ? Seconds(age->count()) : 0; }

void EndpointMetrics::Describe(EndpointStatus& status) const {
  status.events = counts_[kEvents];
  status.successes = counts_[kSuccesses];
  status.failures = counts_[kFailures];
  status.errors = error_count_;
  status.retries = retry_count_;
  for (const auto& [code, seen] : statuses_) status.statuses.emplace_back(seen.text, seen.count);
}

}  // namespace portcall::broker
