#pragma once

#include <string>

namespace portcall::config {

enum class Severity { kWarning, kError };

// One finding. `file` is the path as given, or the name of an environment variable; line and column from 1, 0: none.
struct Problem {
  Severity severity = Severity::kError;
  std::string file;
  int line = 0, column = 0;
  std::string key;           // notifications.endpoints[0].timeout
  std::string message;       // what is wrong, what was probably meant; never a secret's value
  std::string Text() const;  // "file:line:column: error: key: message"
};

enum class Strictness { kCheck, kServe };  // check fails on unknown keys everywhere, serve warns outside our sections

}  // namespace portcall::config
