#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace portcall::runtime {

enum class Grade : std::uint8_t { kOk, kNote, kWarning, kProblem };  // the worst last

// What was seen of one thing that somebody looked at, for an operator. Never a secret.
struct Finding {
  Grade grade = Grade::kOk;
  std::string what;  // was looked at
  std::string how;   // it is, or what is wrong with it
  std::string todo;  // what to do about it; always there but where it is fine
};
using Findings = std::vector<Finding>;

inline Finding Fine(std::string what, std::string how) { return {Grade::kOk, std::move(what), std::move(how), {}}; }
inline Finding Note(std::string what, std::string how, std::string todo) {
  return {Grade::kNote, std::move(what), std::move(how), std::move(todo)};
}
inline Finding Warning(std::string what, std::string how, std::string todo) {
  return {Grade::kWarning, std::move(what), std::move(how), std::move(todo)};
}
inline Finding Problem(std::string what, std::string how, std::string todo) {
  return {Grade::kProblem, std::move(what), std::move(how), std::move(todo)};
}

inline void Add(Findings& all, Findings more) {
  for (Finding& one : more) all.push_back(std::move(one));
}

}  // namespace portcall::runtime
