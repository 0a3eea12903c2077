#pragma once

#include <chrono>
#include <string>

#include "runtime/finding.h"

namespace portcall::app {

std::string TimeOf(std::chrono::system_clock::time_point time);
// A warning where it is within 14 days, a problem where it has passed. `now` is the time that counts.
runtime::Finding JudgeEnd(const std::string& what, std::chrono::system_clock::time_point end,
                          std::chrono::system_clock::time_point now, const std::string& todo);

}  // namespace portcall::app
