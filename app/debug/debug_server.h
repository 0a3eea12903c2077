#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/debug/health.h"
#include "broker/status.h"
#include "config/certificates.h"
#include "config/config.h"
#include "runtime/http/server.h"
#include "runtime/loops.h"
#include "runtime/metrics.h"
#include "runtime/mutex.h"

namespace portcall::app {

// What the debug pages show. The functions are called on pool threads.
struct DebugSources {
  Health& health;
  const runtime::Metrics& metrics;
  asio::thread_pool& pool;
  std::function<std::vector<broker::EndpointStatus>()> endpoints;
  std::function<config::ConfigPtr()> config;
  std::function<void()> refresh;  // brings gauges up to date before a page of metrics
  std::function<bool()> ready;    // any thread: false while starting and draining
  std::vector<std::string> command_line;
  std::function<std::vector<config::CertificateEnd>()> expired = {};  // certificates; empty: not known
  std::function<std::optional<std::string>()> trouble = {};  // any thread, never waits: why nothing can be stored now
};

// Distribution's debug listener: /debug/health, /debug/vars and Prometheus' page, with /livez and /readyz beside them.
// Pages are made on the pool. Its owner is the composition root; the sources must outlive it.
class DebugServer {
 public:
  // Takes the addresses; until Open, who connects waits.
  static Result<std::unique_ptr<DebugServer>> Listen(const config::DebugConfig& config, DebugSources sources,
                                                     runtime::Loop& loop);
  void Open() { server_->Open(); }  // the sources are there from now on; once
  std::vector<std::string> addresses() const { return server_->addresses(); }
  std::uint16_t port() const { return server_->port(); }

 private:
  DebugServer(const config::DebugConfig& config, DebugSources sources);
  Task<http::Response> Serve(http::Request& request);
  Task<http::Response> ServeHealth(bool verbose);
  http::Response Switch(std::string_view method, bool down);
  http::Response Readiness() const;

  const std::string metrics_path_;  // empty: off
  DebugSources sources_;
  runtime::Mutex one_page_;  // gauges are refreshed by one page at a time
  std::unique_ptr<http::Server> server_;
};

}  // namespace portcall::app
