#pragma once

#include <map>
#include <set>
#include <string>

namespace portcall::config {

// The keys that the readers ask for, by the path of their map; what they ask for follows from the file itself, such as
// the words of a preset.
struct KnownKeys {
  std::map<std::string, std::set<std::string, std::less<>>> keys;
  std::set<std::string> structured;  // paths of what is, or may be, a map or a list
  bool operator==(const KnownKeys&) const = default;
};

}  // namespace portcall::config
