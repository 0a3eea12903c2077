#pragma once

#include <string>
#include <vector>

#include "app/debug/process_stats.h"
#include "broker/status.h"
#include "config/certificates.h"
#include "config/config.h"

namespace portcall::app {

// The page /debug/vars in the shape of Distribution's expvar: cmdline, memstats, registry.notifications.endpoints (null
// when there are none). Header values and the secret parts of URLs are left out. Pure.
std::string DebugVars(const config::Config& config, const std::vector<broker::EndpointStatus>& endpoints,
                      const ProcessStats& process, const std::vector<std::string>& command_line);

// The body of /debug/health: failing checks by name; with `late`, the endpoints that an operator should look at, and
// the certificates that have expired, where there are any.
std::string HealthBody(const std::map<std::string, std::string>& failing,
                       const std::vector<broker::EndpointStatus>* late,
                       const std::vector<config::CertificateEnd>& expired = {});

}  // namespace portcall::app
