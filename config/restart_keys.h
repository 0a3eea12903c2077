#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace portcall::config {

// Keys that differ and cannot change without a restart; empty: `after` may be applied to a server that runs `before`.
std::vector<std::string> NeedsRestart(const Config& before, const Config& after);

}  // namespace portcall::config
