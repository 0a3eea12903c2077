#include "app/debug/process_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>

namespace portcall::app {
namespace {

void Raise(prometheus::Counter& counter, double to) { counter.Increment(std::max(0.0, to - counter.Value())); }

}  // namespace

ProcessMetrics::ProcessMetrics(runtime::Metrics& m)
    : queue_depth_(m.Level("portcall_store_queue_depth", "Jobs that wait for the writer")),
      wal_bytes_(m.Level("portcall_store_wal_bytes", "Size of the write-ahead log")),
      database_bytes_(m.Level("portcall_store_database_bytes", "Size of the database file")),
      out_of_space_(m.Level("portcall_store_out_of_space", "1 while writes are refused because the disk is full")),
      connections_(m.Level("portcall_http_connections", "Open connections of clients")),
      memory_(m.Level("portcall_http_memory_bytes", "What bodies and answers hold of http.memory")),
      most_memory_(m.Level("portcall_http_memory_limit_bytes", "http.memory")),
      memory_refused_(
          m.Count("portcall_http_memory_refused_total", "Requests refused because http.memory was used up")),
      commits_(m.Count("portcall_store_commits_total", "Group commits")),
      jobs_(m.Count("portcall_store_jobs_total", "Jobs that the writer has run")),
      cpu_seconds_(m.Count("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")),
      resident_(m.Level("process_resident_memory_bytes", "Resident memory size in bytes.")),
      virtual_(m.Level("process_virtual_memory_bytes", "Virtual memory size in bytes.")),
      open_fds_(m.Level("process_open_fds", "Number of open file descriptors.")),
      max_fds_(m.Level("process_max_fds", "Maximum number of open file descriptors.")),
      start_time_(m.Level("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")) {}

void ProcessMetrics::Refresh(const store::StoreStats& store, std::size_t connections,
                             const runtime::MemoryBudget& memory, const ProcessStats& process) {
  queue_depth_.Set(static_cast<double>(store.queue_depth));
  wal_bytes_.Set(static_cast<double>(store.journal_bytes));
  database_bytes_.Set(static_cast<double>(store.database_bytes));
  out_of_space_.Set(store.out_of_space ? 1 : 0);
  connections_.Set(static_cast<double>(connections));
  memory_.Set(static_cast<double>(memory.held()));
  most_memory_.Set(static_cast<double>(memory.most()));
  Raise(memory_refused_, static_cast<double>(memory.refused()));
  Raise(commits_, static_cast<double>(store.commits));
  Raise(jobs_, static_cast<double>(store.jobs));
  Raise(cpu_seconds_, process.cpu_seconds);
  resident_.Set(static_cast<double>(process.resident_bytes));
  virtual_.Set(static_cast<double>(process.virtual_bytes));
  open_fds_.Set(static_cast<double>(process.open_fds));
  max_fds_.Set(static_cast<double>(process.max_fds));
  start_time_.Set(process.start_time);
}

}  // namespace portcall::app
