#pragma once

#include <string>

#include "registry/registry.h"

namespace portcall::app {

// What a purge of uploads came to, for the log; `called_off` before it had seen them all.
std::string Told(const registry::Purged& purged, bool called_off);

}  // namespace portcall::app
