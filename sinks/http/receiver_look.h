#pragma once

#include <chrono>

#include "config/config.h"
#include "runtime/finding.h"

namespace portcall::sinks {

// The receiver of an endpoint that speaks HTTP: its name's addresses, a connection to each, and the TLS handshake that
// the sink would make, by the proxy that the environment names. No request is sent. As Inspectable::Inspect.
runtime::Findings LookAtReceiver(const config::Endpoint& endpoint, std::chrono::milliseconds patience);

}  // namespace portcall::sinks
