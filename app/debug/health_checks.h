#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "app/debug/health.h"
#include "config/config.h"
#include "runtime/http/resolver.h"
#include "runtime/log.h"
#include "runtime/loops.h"
#include "runtime/periodic.h"

namespace portcall::app {

struct HealthCheckDeps {
  Health& health;
  runtime::Loop& loop;    // where the checks run
  runtime::Lanes& lanes;  // for file systems, which may hang
  runtime::Log& log;
  std::filesystem::path root;  // of the storage
};

// Runs the checks of the file's `health` section, each at its interval, and reports them to Health. Made and destroyed
// on a thread that is no loop; the destructor waits for nobody who is asked.
class HealthChecks {
 public:
  HealthChecks(HealthCheckDeps deps, const std::vector<config::HealthCheck>& checks);
  ~HealthChecks();

 private:
  class Check;
  HealthCheckDeps deps_;
  http::Resolver resolver_;
  std::vector<std::unique_ptr<Check>> checks_;
  runtime::Periodic periodic_;
};

}  // namespace portcall::app
