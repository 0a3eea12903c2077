#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "app/doctor/report.h"
#include "runtime/lanes.h"

namespace portcall::app {

inline constexpr std::chrono::milliseconds kUsualPatience{5'000};  // with one look

// One thing to look at. `see` owns what it touches: where it never returns, it is left behind.
struct Look {
  std::string area, what;
  std::chrono::milliseconds patience;
  std::function<runtime::Findings()> see;
  std::string lane = {};  // on which it goes one after another with others; empty: one of its own
};

// Does them all at once, each on a lane of its own, and gives what they found in their order, by area. What is not over
// in its time, or not by `until`, or throws, is a problem of its own. Any thread; `lanes` may be busy afterwards.
Report DoLooks(std::vector<Look> looks, runtime::Lanes& lanes, std::chrono::steady_clock::time_point until);

}  // namespace portcall::app
