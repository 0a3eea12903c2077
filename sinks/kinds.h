#pragma once

#include "config/kind.h"

namespace portcall::sinks {

// Every kind of destination there is, for config::Load. A new one is a line in kinds.cc (docs/contributing.md).
config::KindTable Kinds();

}  // namespace portcall::sinks
