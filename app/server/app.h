#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/admin/admin_server.h"
#include "app/debug/debug_server.h"
#include "app/debug/health.h"
#include "app/debug/health_checks.h"
#include "app/debug/http_metrics.h"
#include "app/debug/process_metrics.h"
#include "app/server/certificates.h"
#include "app/server/data_watch.h"
#include "app/server/descriptor_plan.h"
#include "app/server/door_log.h"
#include "broker/broker.h"
#include "config/config.h"
#include "registry/registry.h"
#include "runtime/clock.h"
#include "runtime/http/server.h"
#include "runtime/log.h"
#include "runtime/loops.h"
#include "runtime/memory_budget.h"
#include "runtime/metrics.h"
#include "runtime/mutex.h"
#include "runtime/periodic.h"
#include "store/blobs/blob_store.h"
#include "store/store.h"

namespace portcall::app {

// The composition root: builds everything in the order of its dependencies, connects it, and takes it down in reverse.
// One thread at a time, which is no loop, owns it; Drain goes beside Apply and RenewCertificates.
class App {
 public:
  // Serves once this returns. kInvalid: the configuration or the data is not fit to start with; else what failed. The
  // data folder must be this process's. `log` outlives the App.
  static Result<std::unique_ptr<App>> Start(config::ConfigPtr loaded, std::vector<std::string> command_line,
                                            runtime::Log& log);
  ~App();

  // Applies a newly loaded file, as a whole or not at all. kConflict names the keys that need a restart.
  Result<void> Apply(config::ConfigPtr loaded);

  // Reads the files of certificates again, and takes into use what has changed; the rest stays as it is. `at_once`: as
  // soon as it has changed, and a disk that does not answer is told.
  void RenewCertificates(bool at_once);

  // Records the result of a reload in the audit log, where there is one.
  void RecordReload(const std::string& what);

  // Accepts nothing more, and lets exchanges under way end, at most http.draintimeout from `asked` on.
  void Drain(runtime::SteadyTime asked);

  // After that, lets attempts under way end, at most for what is left of that time, then closes everything.
  // Returns what still hangs, a folder of an audit log for example: its thread may wake up at any time and touch what
  // this object owns, so that the process must end without destroying it.
  std::vector<std::string> Stop(runtime::SteadyTime asked);

  std::vector<std::string> addresses() const { return server_->addresses(); }
  std::chrono::milliseconds drain_timeout() const { return config()->http.drain_timeout; }

 private:
  App(config::ConfigPtr loaded, std::vector<std::string> command_line, runtime::Log& log);
  Result<void> OpenData();
  Result<void> StartWings();
  Result<void> Listen();
  Result<void> ListenDebug();
  void ListenForOperators();
  void StartHousekeeping();
  void Announce() const;

  Task<http::Response> Serve(http::Request& request);
  void Finished(const http::Exchange& exchange);
  Task<> PurgeUploads();
  void RefreshMetrics();
  config::ConfigPtr config() const;
  void SetConfig(config::ConfigPtr config);
  void Close(runtime::SteadyTime until);

  runtime::Log& log_;
  const std::vector<std::string> command_line_;
  const std::string instance_;
  config::ConfigPtr loaded_;  // as the file says, for comparing
  mutable runtime::Mutex config_mutex_;
  config::ConfigPtr config_ GUARDED_BY(config_mutex_);  // with generated values filled in
  std::atomic<bool> ready_ = false;
  std::atomic<bool> access_log_on_;
  bool closed_ = false;

  runtime::Metrics metrics_;
  runtime::MemoryBudget memory_;  // of bodies and answers
  HttpMetrics http_metrics_;
  ProcessMetrics process_metrics_;
  DoorLog door_log_;
  DescriptorPlan descriptors_;
  runtime::AccessLog access_log_;
  runtime::Loops loops_;
  Certificates certificates_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<registry::Registry> registry_;
  Health health_;
  std::unique_ptr<HealthChecks> health_checks_;
  runtime::Periodic periodic_;
  std::unique_ptr<DataWatch> data_watch_;
  std::unique_ptr<AdminServer> admin_server_;
  std::unique_ptr<DebugServer> debug_server_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace portcall::app
