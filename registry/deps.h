#pragma once

#include <functional>
#include <string>

#include "runtime/clock.h"
#include "runtime/log.h"
#include "runtime/loops.h"
#include "runtime/memory_budget.h"
#include "runtime/metrics.h"
#include "store/blobs/blob_store.h"
#include "store/store.h"

namespace portcall::registry {

// What the registry stands on. All of it outlives the registry.
struct RegistryDeps {
  store::Store& store;
  store::BlobStore& blobs;
  asio::thread_pool& hashing;  // for large manifests
  runtime::Log& log;
  runtime::Metrics& metrics;
  const runtime::Clock& clock;
  std::string source_addr;      // host name and configured port, as events carry it
  std::string source_instance;  // UUID of this process
  // True: the event log is full and events.onfull is `refuse`. Then changes and durable pulls get 503, and other events
  // are lost. Any thread. No function: never full.
  std::function<bool()> log_is_full = {};
  runtime::MemoryBudget* memory = nullptr;  // bounds what requests and answers hold; null: nothing does
};

}  // namespace portcall::registry
