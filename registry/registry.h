#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "config/config.h"
#include "registry/catalog/uploads.h"
#include "registry/deps.h"
#include "registry/request/routed_request.h"
#include "runtime/http/message.h"
#include "runtime/result.h"
#include "runtime/task.h"

namespace portcall::registry {

// The OCI distribution API (distribution-spec 1.1) over HTTP, for Distribution's clients. Each change and its event are
// one transaction. Read and Handle may run on every server loop at once; Apply from any
// thread.
class Registry {
 public:
  // http.secret of each file must not be empty: state of uploads is sealed with it.
  Registry(RegistryDeps deps, config::ConfigPtr config);
  ~Registry();

  // Reads the path. `routed` is what that gave; Handle adds to its notes. Both outlive the task.
  RoutedRequest Read(const http::Request& request);
  Task<http::Response> Handle(http::Request& request, RoutedRequest& routed);
  void Apply(config::ConfigPtr config);
  // A client whose certificate was refused, or that showed none: `peer` is its "ip:port". On any loop.
  void RefusedCertificate(std::string_view peer, std::string_view peer_ip, std::string_view why);
  // A failing health check: every path answers 503 until it is over. Any thread.
  void SetUnhealthy(bool unhealthy);
  // Deletes uploads older than storage.maintenance.uploadpurging.age; a dry run deletes none. On any loop.
  Task<Result<Purged>> PurgeUploads(std::stop_token stopping);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::registry
