#pragma once

#include <chrono>
#include <map>
#include <string>

#include "app/doctor/report.h"
#include "runtime/lanes.h"
#include "runtime/result.h"

namespace portcall::app {

struct DoctorOptions {
  std::string config;
  std::map<std::string, std::string> environment;
  std::chrono::milliseconds patience{55'000};  // with all of it
};

// Looks at an installation, running or not, and changes nothing. kInvalid, with a line for each error: the file cannot
// be used; kTimeout: the disk that it lies on does not answer. What hangs is left behind on `lanes`. Blocks.
Result<Report> Examine(const DoctorOptions& options, runtime::Lanes& lanes);

}  // namespace portcall::app
