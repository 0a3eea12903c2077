#pragma once

#include <memory>

#include "sinks/kind.h"

namespace portcall::sinks {

// Produces each event to a Kafka topic by librdkafka (docs/delivery.md §6).
// kInvalid: what only shows when it is built; never the value of a secret.
Result<std::unique_ptr<Sink>> MakeKafka(const config::Endpoint& endpoint, const Surroundings& around);

}  // namespace portcall::sinks
