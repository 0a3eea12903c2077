#pragma once

#include <iosfwd>
#include <map>
#include <string>

namespace portcall::app {

// Prints one line for each finding of the file; 2 when one of them is an error, else 0 after "PATH: ok".
int Check(const std::string& path, const std::map<std::string, std::string>& environment, std::ostream& out);

}  // namespace portcall::app
