#pragma once

#include "config/config.h"
#include "config/reader/map_reader.h"
#include "runtime/http/tls.h"

namespace portcall::sinks {

// TLS towards the receiver of an endpoint, for sinks that speak HTTP.
// kInvalid: a file of the endpoint's `tls`, and what is wrong with it.
Result<http::TlsContext> ClientTlsOf(const config::Endpoint& endpoint);
// The same as findings at the keys, where the URL wants TLS.
void CheckClientTls(config::MapReader& entry, const config::Endpoint& endpoint);

}  // namespace portcall::sinks
