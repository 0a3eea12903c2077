#pragma once

#include <memory>

#include "config/config.h"
#include "runtime/http/resolver.h"
#include "runtime/log.h"
#include "runtime/task.h"
#include "sinks/sink.h"

namespace portcall::sinks {

struct Surroundings {
  Executor executor;         // the loop the sink will live on
  http::Resolver& resolver;  // of that loop
  runtime::Log& log;
};

// Makes the sink of an endpoint's type. kInvalid: what only shows when it is built (an unreadable certificate).
Result<std::unique_ptr<Sink>> MakeSink(const config::Endpoint& endpoint, const Surroundings& around);

}  // namespace portcall::sinks
