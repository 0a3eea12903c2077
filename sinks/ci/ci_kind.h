#pragma once

#include "sinks/kind.h"

namespace portcall::sinks {

// `type: ci`. Starts builds in a CI system (ci_sink.h).
const Kind& CiKind();

}  // namespace portcall::sinks
