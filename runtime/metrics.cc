#include "runtime/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <vector>

#include "runtime/mutex.h"

namespace portcall::runtime {
namespace {

prometheus::Labels ToMap(const Labels& labels) { return {labels.begin(), labels.end()}; }

// The family of that name, built at its first use; later help texts are ignored.
template <class T, class Builder>
prometheus::Family<T>& Find(std::map<std::string, prometheus::Family<T>*>& families, Builder builder,
                            prometheus::Registry& registry, const std::string& name, const std::string& help) {
  prometheus::Family<T>*& family = families[name];
  if (!family) family = &builder.Name(name).Help(help).Register(registry);
  return *family;
}

// Prometheus forbids gauges whose name ends in _total. Those that Distribution named so are shown without a type.
void MakeUntyped(prometheus::MetricFamily& family) {
  family.type = prometheus::MetricType::Untyped;
  for (prometheus::ClientMetric& metric : family.metric) metric.untyped.value = metric.gauge.value;
}

}  // namespace

struct Metrics::Impl {
  Mutex mutex;
  prometheus::Registry registry;
  std::map<std::string, prometheus::Family<prometheus::Counter>*> counters GUARDED_BY(mutex);
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> gauges GUARDED_BY(mutex);
  std::map<std::string, prometheus::Family<prometheus::Histogram>*> histograms GUARDED_BY(mutex);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

prometheus::Counter& Metrics::Count(const std::string& name, const std::string& help, const Labels& labels) {
  const MutexLock lock(impl_->mutex);
  return Find(impl_->counters, prometheus::BuildCounter(), impl_->registry, name, help).Add(ToMap(labels));
}

prometheus::Gauge& Metrics::Level(const std::string& name, const std::string& help, const Labels& labels) {
  const MutexLock lock(impl_->mutex);
  return Find(impl_->gauges, prometheus::BuildGauge(), impl_->registry, name, help).Add(ToMap(labels));
}

prometheus::Histogram& Metrics::Spread(const std::string& name, const std::string& help,
                                       const std::vector<double>& buckets, const Labels& labels) {
  const MutexLock lock(impl_->mutex);
  return Find(impl_->histograms, prometheus::BuildHistogram(), impl_->registry, name, help)
      .Add(ToMap(labels), prometheus::Histogram::BucketBoundaries(buckets));
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = impl_->registry.Collect();
  for (prometheus::MetricFamily& family : families) {
    if (family.type == prometheus::MetricType::Gauge && family.name.ends_with("_total")) MakeUntyped(family);
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace portcall::runtime
