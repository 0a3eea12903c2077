#pragma once

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
#include "runtime/lanes.h"
#include "runtime/result.h"
#include "sinks/sink.h"

namespace portcall::broker {

using Sinks = std::map<std::string, std::unique_ptr<sinks::Sink>>;  // by the endpoint's name

struct MadeSinks {
  Sinks sinks;                   // of the entries that have one
  std::optional<Error> refusal;  // the first reason why one has none
};

// Makes sinks on a lane of their own, because a kind may read files. Only one job waits for a disk that does not
// answer, however often it is asked. One thread, which is no loop: Make waits.
class SinkMaker {
 public:
  using MakeOne = std::function<Result<std::unique_ptr<sinks::Sink>>(const config::Endpoint&)>;

  // `make` is called on the lane, possibly after this object is gone.
  SinkMaker(runtime::Lanes& lanes, MakeOne make) : lanes_(lanes), make_(std::move(make)) {}

  // kTimeout: a disk has not answered within `patience`, now or when it was last asked; what is made later is dropped.
  Result<MadeSinks> Make(std::vector<config::Endpoint> entries, std::chrono::milliseconds patience);

 private:
  runtime::Lanes& lanes_;
  const MakeOne make_;
  std::future<MadeSinks> late_;  // that nobody waits for any more
  std::string late_names_;
};

}  // namespace portcall::broker
