#pragma once

#include <string_view>

#include "config/config.h"
#include "sinks/kinds.h"

namespace portcall::testing {

// An entry of a kind, made by hand instead of read: with the defaults that all kinds share.
inline config::Endpoint EndpointOf(std::string_view kind) {
  config::Endpoint endpoint;
  endpoint.kind = config::FindKind(sinks::Kinds(), kind);
  return endpoint;
}

}  // namespace portcall::testing
