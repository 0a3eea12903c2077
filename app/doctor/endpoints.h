#pragma once

#include "app/doctor/installation.h"
#include "app/doctor/looks.h"

namespace portcall::app {

// The folder that an audit log is written to.
runtime::Findings LookAtAuditFolder(const Installation& it, const config::Endpoint& endpoint);
// Each endpoint: that it is disabled, or what can be seen of its destination. Side by side, some at a time.
std::vector<Look> EndpointLooks(const std::shared_ptr<const Installation>& it);

}  // namespace portcall::app
