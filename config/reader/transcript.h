#pragma once

#include <concepts>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/reader/node.h"

namespace portcall::config {

// What an entry of the file says, as its readers take it: a note for each value that differs from the reader's default.
// So there is no list of keys to keep up to date; spelling, order, comments and a default that is written out make no
// difference; and a key that a later version adds changes nothing until somebody writes it.
class Transcript {
 public:
  // Keys are paths in the file; `entry` is the entry's own, so that its place in a list makes no difference.
  explicit Transcript(std::string_view entry) : entry_(entry) {}

  void Note(std::string_view key, std::string_view text);
  void Note(std::string_view key, std::integral auto number) { Note(key, std::string_view(std::to_string(number))); }
  void Note(std::string_view key, Millis value) { Note(key, value.count()); }
  void Note(std::string_view key, const std::vector<std::string>& items);
  void Note(std::string_view key, const HeaderList& headers);  // order counts only among one name's values
  void Note(std::string_view key, const Value& value);         // as it stands in the file

  // SHA-256 in hex, for comparing. Secrets go into it too, so it must not be logged.
  std::string Fingerprint() const;

 private:
  const std::string entry_;
  std::set<std::pair<std::string, std::string>> notes_;
};

}  // namespace portcall::config
