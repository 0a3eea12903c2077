#include "app/commands/check.h"

#include <algorithm>
#include <ostream>

#include "config/load.h"
#include "sinks/kinds.h"

namespace portcall::app {

int Check(const std::string& path, const std::map<std::string, std::string>& environment, std::ostream& out) {
  const config::Loaded loaded = config::Load(path, environment, config::Strictness::kCheck, sinks::Kinds());
  for (const config::Problem& problem : loaded.problems) out << problem.Text() << '\n';
  const bool wrong = !loaded.config || std::ranges::any_of(loaded.problems, [](const config::Problem& problem) {
    return problem.severity == config::Severity::kError;
  });
  if (wrong) return 2;
  out << path << ": ok\n";
  return 0;
}

}  // namespace portcall::app
