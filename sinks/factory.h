#pragma once

#include <functional>
#include <memory>

#include "config/config.h"
#include "runtime/http/resolver.h"
#include "runtime/log.h"
#include "runtime/loops.h"
#include "runtime/task.h"
#include "sinks/sink.h"

namespace portcall::sinks {

struct Surroundings {
  Executor executor;         // the loop the sink will live on
  http::Resolver& resolver;  // of that loop
  runtime::Log& log;
  asio::thread_pool& pool;  // for what blocks: files, joining a library's threads
  // Appends an event of the sink's own making (an audit checkpoint) to the log. On the loop; empty: there is no log.
  std::function<void(store::Event)> publish = {};
};

// Makes the sink of an endpoint's type. kInvalid: what only shows when it is built (an unreadable certificate).
Result<std::unique_ptr<Sink>> MakeSink(const config::Endpoint& endpoint, const Surroundings& around);
// What MakeSink would find wrong, without connecting to anything or changing a file.
Result<void> CheckSink(const config::Endpoint& endpoint, const Surroundings& around);

}  // namespace portcall::sinks
