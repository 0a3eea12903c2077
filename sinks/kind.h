#pragma once

#include <functional>
#include <memory>

#include "config/kind.h"
#include "runtime/http/resolver.h"
#include "runtime/lanes.h"
#include "runtime/log.h"
#include "runtime/task.h"
#include "sinks/shared_bodies.h"
#include "sinks/sink.h"

namespace portcall::sinks {

struct Surroundings {
  Executor executor;         // the loop the sink will live on
  http::Resolver& resolver;  // of that loop
  runtime::Log& log;
  runtime::Lanes& lanes;  // for what blocks: files, joining a library's threads
  // Appends an event of the sink's own making (an audit checkpoint) to the log. On the loop; empty: there is no log.
  std::function<void(store::Event)> publish = {};
  // Of the sinks that are made with the same surroundings.
  std::shared_ptr<SharedBodies> bodies = std::make_shared<SharedBodies>();
};

// A kind of destination: what an entry says of it (config::Kind) and how its sink is made. One for each folder here,
// and one line for each in kinds.cc. Nothing else in the program knows a kind by name.
class Kind : public config::Kind {
 public:
  using config::Kind::Kind;
  // Of an endpoint that this kind has read. kInvalid: what only shows when it is built (a certificate that has changed
  // since); never the value of a secret. It may wait for files, so it is called on any thread but the loop's, and
  // starts nothing there: that begins with Sink::Open.
  virtual Result<std::unique_ptr<Sink>> Make(const config::Endpoint& endpoint, const Surroundings& around) const = 0;
};

// By the endpoint's kind; as Make. kInvalid, too: it has none.
Result<std::unique_ptr<Sink>> MakeSink(const config::Endpoint& endpoint, const Surroundings& around);

}  // namespace portcall::sinks
