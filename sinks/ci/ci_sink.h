#pragma once

#include <memory>

#include "sinks/kind.h"

namespace portcall::sinks {

// Starts a build in a CI system: one request per event, made from a preset (ci_preset.h).
// kInvalid: what only shows when it is built; never the value of a secret.
Result<std::unique_ptr<Sink>> MakeCi(const config::Endpoint& endpoint, const Surroundings& around);

}  // namespace portcall::sinks
