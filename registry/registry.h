#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "runtime/clock.h"
#include "runtime/http/message.h"
#include "runtime/log.h"
#include "runtime/loops.h"
#include "runtime/metrics.h"
#include "store/blobs/blob_store.h"
#include "store/store.h"

namespace portcall::registry {

struct RegistryDeps {
  store::Store& store;
  store::BlobStore& blobs;
  asio::thread_pool& pool;
  runtime::Log& log;
  runtime::Metrics& metrics;
  const runtime::Clock& clock;
  std::string source_addr;      // host name and configured port, as events carry it
  std::string source_instance;  // UUID of this process
  // The event log is full and events.onfull is `refuse`: what would change anything gets 503. Any thread; empty: never.
  std::function<bool()> log_is_full = {};
};

// The OCI distribution API (distribution-spec 1.1) over HTTP, for Distribution's clients. Each change and its event are
// one transaction. Handle may run on every server loop at once; Apply from any thread.
class Registry {
 public:
  Registry(RegistryDeps deps, config::ConfigPtr config);
  ~Registry();

  Task<http::Response> Handle(http::Request& request);
  void Apply(config::ConfigPtr config);
  // Non-empty: a failing health check; every path answers 503 until it is cleared. Any thread.
  void SetUnhealthy(std::string why);
  // Ends uploads that are older than storage.maintenance.uploadpurging.age; how many. On any loop.
  Task<Result<std::size_t>> PurgeUploads();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::registry
