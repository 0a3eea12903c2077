#pragma once

#include "app/debug/process_stats.h"
#include "runtime/metrics.h"
#include "store/store.h"

namespace portcall::app {

// Gauges that are read when somebody asks, not kept up to date: the store's, the connections', the process's.
class ProcessMetrics {
 public:
  explicit ProcessMetrics(runtime::Metrics& metrics);
  // Call before a page is made. One thread at a time.
  void Refresh(const store::StoreStats& store, std::size_t connections, const ProcessStats& process);

 private:
  prometheus::Gauge &queue_depth_, &wal_bytes_, &database_bytes_, &out_of_space_, &connections_;
  prometheus::Counter &commits_, &jobs_, &cpu_seconds_;
  prometheus::Gauge &resident_, &virtual_, &open_fds_, &max_fds_, &start_time_;
};

}  // namespace portcall::app
