#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::config {

// Where a value came from. Line and column count from 1; 0: none, as in an environment variable.
struct Place {
  std::shared_ptr<const std::string> source = {};  // path of the file, or name of the variable
  int line = 0, column = 0;
  // What references (see ResolveReferences) have put into the value or into those below it, which no message about it
  // may show. Null: nothing.
  std::shared_ptr<const std::vector<std::string>> hidden = {};
};

struct Member;

// One value of a parsed YAML text, aliases and merge keys resolved. The nesting is bounded by the parser.
struct Value {
  enum class Kind { kNull, kScalar, kList, kMap };

  const Member* Find(std::string_view key) const;
  Member* Find(std::string_view key);

  Kind kind = Kind::kNull;
  Place place;
  std::string text;      // of a scalar
  bool quoted = false;   // '500' and "500" are text, 500 is a number
  bool literal = false;  // of a variable: taken as it is, without references
  std::vector<Value> items;
  std::vector<Member> members;  // keys are unique; in the order of the file
};

struct Member {
  std::string key;
  Place place;  // of the key
  Value value;
};

inline const Member* Value::Find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member;
  }
  return nullptr;
}
inline Member* Value::Find(std::string_view key) {
  for (Member& member : members) {
    if (member.key == key) return &member;
  }
  return nullptr;
}

}  // namespace portcall::config
