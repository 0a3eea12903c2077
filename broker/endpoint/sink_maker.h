#pragma once

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "runtime/result.h"
#include "sinks/sink.h"

namespace portcall::broker {

using Sinks = std::map<std::string, std::unique_ptr<sinks::Sink>>;  // by the endpoint's name

struct MadeSinks {
  Sinks sinks;                   // of the entries that have one
  std::optional<Error> refusal;  // the first reason why one has none
};

// Makes sinks on the pool, because a kind may read files. At most one of the pool's threads waits for a disk that does
// not answer, however often it is asked. One thread, which is no loop: Make waits.
class SinkMaker {
 public:
  using MakeOne = std::function<Result<std::unique_ptr<sinks::Sink>>(const config::Endpoint&)>;

  // `make` is called on the pool, possibly after this object is gone.
  SinkMaker(asio::thread_pool& pool, MakeOne make) : pool_(pool), make_(std::move(make)) {}

  // kTimeout: a disk has not answered within `patience`, now or when it was last asked; what is made later is dropped.
  Result<MadeSinks> Make(std::vector<config::Endpoint> entries, std::chrono::milliseconds patience);

 private:
  asio::thread_pool& pool_;
  const MakeOne make_;
  std::future<MadeSinks> late_;  // that nobody waits for any more
  std::string late_names_;
};

}  // namespace portcall::broker
