#pragma once

#include <cstddef>
#include <string>

namespace portcall::config {

// Each says why a place on the disk cannot be used; empty: it can. Nothing is written.

// Why it is no file of at most so many bytes that can be read.
std::string WhyUnreadable(const std::string& file, std::size_t most = 4 << 20);
// Why nothing can be written into the folder, which may have to be made first. `only_this_user`: another user might.
struct Obstacle {
  std::string why = {};
  bool only_this_user = false;
};
Obstacle WhyUnwritable(std::string folder);
// Why a file cannot be written and read, which is made where it is missing. Its folder must be there, unless the start
// makes it with the folder `made`.
Obstacle WhyNoFile(const std::string& file, const std::string& made);

}  // namespace portcall::config
