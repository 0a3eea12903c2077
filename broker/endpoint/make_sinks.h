#pragma once

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "runtime/result.h"
#include "sinks/sink.h"

namespace portcall::broker {

using Sinks = std::map<std::string, std::unique_ptr<sinks::Sink>>;  // by the endpoint's name

using MakeSink = std::function<Result<std::unique_ptr<sinks::Sink>>(const config::Endpoint&)>;

struct MadeSinks {
  Sinks sinks;                   // of the entries that have one
  std::optional<Error> refusal;  // the first reason why one has none
};

// Makes the entries' sinks on the pool, because a kind may read files. kTimeout: a disk has not answered within
// `patience`; what is made later is dropped. Waits, so it must not be called on a loop.
Result<MadeSinks> MakeSinks(asio::thread_pool& pool, std::vector<config::Endpoint> entries, MakeSink make,
                            std::chrono::milliseconds patience);

}  // namespace portcall::broker
