#pragma once

#include <chrono>

#include "config/config.h"
#include "runtime/finding.h"

namespace portcall::sinks {

// The cluster of an endpoint: whether its brokers are reached and take the login, and its topics with their leaders and
// limits. Nothing is produced, and no topic is made. As Inspectable::Inspect.
runtime::Findings LookAtKafka(const config::Endpoint& endpoint, std::chrono::milliseconds patience);

}  // namespace portcall::sinks
