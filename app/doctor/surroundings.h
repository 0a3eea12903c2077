#pragma once

#include "app/doctor/installation.h"
#include "app/doctor/looks.h"

namespace portcall::app {

// What the environment says of proxies. Never a user or password.
runtime::Findings JudgeProxies(const std::map<std::string, std::string>& environment);
// The name servers of a resolv.conf, each asked once. Blocks for `patience` at most.
runtime::Findings LookAtNameServers(const std::filesystem::path& file, std::chrono::milliseconds patience);
// Whether somebody sets this machine's clock.
runtime::Findings LookAtClock();

std::vector<Look> SurroundingLooks(const std::shared_ptr<const Installation>& it);

}  // namespace portcall::app
