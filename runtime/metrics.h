#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace portcall::runtime {

using Labels = std::vector<std::pair<std::string, std::string>>;

// The process's metrics. Resolve a handle once and keep the reference (it lives as long as Metrics): looking one up
// costs a hundred times an increment. Label values come from fixed sets or the configuration, never from requests.
// Callable from any thread.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  prometheus::Counter& Count(const std::string& name, const std::string& help, const Labels& labels = {});
  prometheus::Gauge& Level(const std::string& name, const std::string& help, const Labels& labels = {});
  prometheus::Histogram& Spread(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                                const Labels& labels = {});
  // The page in Prometheus' text format 0.0.4. Takes milliseconds: call it on the pool.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::runtime
