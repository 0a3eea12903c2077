#pragma once

#include "broker/tail/catch_up_reader.h"
#include "broker/tail/event_ring.h"
#include "runtime/clock.h"
#include "runtime/log.h"
#include "runtime/metrics.h"
#include "runtime/task.h"
#include "store/store.h"

namespace portcall::broker {

// What all endpoints share; lives longer than they do.
struct Surroundings {
  store::Store& store;
  EventRing& ring;
  CatchUpReader& reader;
  Executor executor;
  runtime::Log& log;
  runtime::Metrics& metrics;
  const runtime::Clock& clock;
};

}  // namespace portcall::broker
