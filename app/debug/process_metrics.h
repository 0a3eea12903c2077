#pragma once

#include "app/debug/process_stats.h"
#include "runtime/memory_budget.h"
#include "runtime/metrics.h"
#include "store/store.h"

namespace portcall::app {

// Gauges that are read when somebody asks, not kept up to date: the store's, the connections', the process's.
class ProcessMetrics {
 public:
  explicit ProcessMetrics(runtime::Metrics& metrics);
  // Call before a page is made. One thread at a time.
  void Refresh(const store::StoreStats& store, std::size_t connections, const runtime::MemoryBudget& memory,
               const ProcessStats& process);

 private:
  prometheus::Gauge &queue_depth_, &wal_bytes_, &database_bytes_, &out_of_space_, &connections_, &memory_,
      &most_memory_;
  prometheus::Counter &memory_refused_, &commits_, &jobs_, &cpu_seconds_;
  prometheus::Gauge &resident_, &virtual_, &open_fds_, &max_fds_, &start_time_;
};

}  // namespace portcall::app
