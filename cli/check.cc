#include "cli/check.h"

#include <algorithm>
#include <ostream>

#include "cli/app.h"
#include "config/load.h"
#include "runtime/http/resolver.h"
#include "sinks/factory.h"

namespace portcall::cli {

std::vector<std::string> SinkProblems(const config::Config& config) {
  runtime::Log log(LogOptionsOf(config.log));
  asio::thread_pool pool(1);
  asio::io_context context;
  http::Resolver resolver(pool);
  std::vector<std::string> problems;
  for (const config::Endpoint& endpoint : config.endpoints) {
    if (endpoint.disabled) continue;
    const auto checked = sinks::CheckSink(endpoint, {context.get_executor(), resolver, log, pool});
    if (!checked) problems.push_back(config.path + ": error: " + checked.error().detail);
  }
  return problems;
}

int Check(const std::string& path, const std::map<std::string, std::string>& environment, std::ostream& out) {
  const config::Loaded loaded = config::Load(path, environment, config::Strictness::kCheck);
  for (const config::Problem& problem : loaded.problems) out << problem.Text() << '\n';
  const bool wrong = !loaded.config || std::ranges::any_of(loaded.problems, [](const config::Problem& problem) {
    return problem.severity == config::Severity::kError;
  });
  if (wrong) return 2;
  const std::vector<std::string> problems = SinkProblems(*loaded.config);
  for (const std::string& problem : problems) out << problem << '\n';
  if (!problems.empty()) return 2;
  out << path << ": ok\n";
  return 0;
}

}  // namespace portcall::cli
