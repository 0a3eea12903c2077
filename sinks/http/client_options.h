#pragma once

#include "config/config.h"
#include "config/reader/map_reader.h"
#include "runtime/http/client.h"
#include "runtime/log.h"

namespace portcall::sinks {

// How an endpoint's receiver is reached, for sinks that speak HTTP: its URL, TLS, and the proxy that the environment
// names for it (HTTPS_PROXY and the like), which the log tells. Any thread.
// kInvalid: a file of the endpoint's `tls` or one of those variables, and what is wrong with it.
Result<http::ClientOptions> ClientOptionsOf(const config::Endpoint& endpoint, const http::Url& url, runtime::Log& log);
// The same as findings at the keys.
void CheckClientOptions(config::MapReader& entry, const config::Endpoint& endpoint);

// What a receiver may show of a proxy that requests go through, as a header that the redactor knows; empty: nothing.
config::HeaderList SecretsOfProxy(const http::ClientOptions& options);

}  // namespace portcall::sinks
