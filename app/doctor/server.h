#pragma once

#include <cstdint>

#include "app/doctor/installation.h"
#include "app/doctor/looks.h"

namespace portcall::app {

// Whether the server runs and answers, and by which program.
runtime::Findings LookAtServer(const Installation& it);
// What a plan of `descriptors` gives, of which `open` are in use.
runtime::Finding JudgeDescriptors(const config::Config& config, std::uint64_t descriptors, std::uint64_t open);
// The bounds of memory that control groups set for the server. `root`: where /proc and /sys lie, for tests.
runtime::Findings LookAtMemory(const Installation& it, const std::filesystem::path& root = "/");
// How its endpoints are, as the server itself says.
runtime::Findings LookAtBacklog(const Installation& it);

std::vector<Look> ServerLooks(const std::shared_ptr<const Installation>& it);

}  // namespace portcall::app
