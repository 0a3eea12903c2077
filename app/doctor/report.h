#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "app/client/terminal.h"
#include "runtime/finding.h"

namespace portcall::app {

// What was found in one area: "files", "database" and so on.
struct Area {
  std::string name;
  runtime::Findings findings;
};
using Report = std::vector<Area>;

runtime::Grade WorstOf(const Report& report);
// 0: nothing is worse than a note; 1: there is something to do.
int ExitCodeOf(const Report& report);

// A line for each finding, and below each that is not fine one that says what to do; at the end, how many there are.
void Print(const Report& report, std::ostream& out, const Terminal& terminal);
// The shape that docs/operating.md describes, in ASCII.
std::string JsonOf(const Report& report);

}  // namespace portcall::app
