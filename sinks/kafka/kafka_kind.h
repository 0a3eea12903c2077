#pragma once

#include "sinks/kind.h"

namespace portcall::sinks {

// `type: kafka`. Produces events to a topic (kafka_sink.h).
const Kind& KafkaKind();

}  // namespace portcall::sinks
