#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "config/config.h"

namespace portcall::cli {

// Prints one line for each finding of the file; 2 when one of them is an error, else 0 after "PATH: ok".
int Check(const std::string& path, const std::map<std::string, std::string>& environment, std::ostream& out);

// What only the makers of sinks know to be wrong: whether a library takes a setting, whether a certificate can be read.
// A line each; nothing is connected to, no file is changed.
std::vector<std::string> SinkProblems(const config::Config& config);

}  // namespace portcall::cli
