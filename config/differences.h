#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace portcall::config {

// Where a file that says nothing gets something else here than from Distribution, each as "key: what, and how to have
// it as there". For `check`: none of it is wrong.
std::vector<std::string> DifferencesFromDistribution(const Config& config);

}  // namespace portcall::config
