#include "app/doctor/doctor.h"

#include <future>
#include <memory>
#include <utility>

#include "app/doctor/database.h"
#include "app/doctor/endpoints.h"
#include "app/doctor/files.h"
#include "app/doctor/installation.h"
#include "app/doctor/listeners.h"
#include "app/doctor/looks.h"
#include "app/doctor/server.h"
#include "app/doctor/surroundings.h"
#include "app/server/options.h"
#include "config/load.h"
#include "sinks/kinds.h"

namespace portcall::app {
namespace {

using Clock = std::chrono::steady_clock;
using runtime::Findings;

// Runs what may hang; nothing: it does, or no thread can be had.
template <class F>
auto InTime(runtime::Lanes& lanes, const char* name, F f, std::chrono::milliseconds patience = kUsualPatience)
    -> std::optional<std::invoke_result_t<F&>> {
  using T = std::invoke_result_t<F&>;
  const auto lane = lanes.Of(name);
  if (!lane) return std::nullopt;
  std::packaged_task<T()> task(std::move(f));
  auto done = task.get_future();
  (*lane)->Post(std::move(task));
  if (done.wait_for(patience) != std::future_status::ready) return std::nullopt;
  return done.get();
}

Error ErrorsOf(const config::Loaded& loaded) {
  std::string lines;
  for (const config::Problem& problem : loaded.problems) {
    if (problem.severity == config::Severity::kError) lines += (lines.empty() ? "" : "\n") + problem.Text();
  }
  return {Errc::kInvalid, std::move(lines)};
}

Area JudgeConfiguration(const std::string& path, const config::Loaded& loaded) {
  Area area{"config", {}};
  if (loaded.problems.empty()) area.findings.push_back(runtime::Fine("configuration", path + " can be used"));
  for (const config::Problem& problem : loaded.problems) {
    area.findings.push_back(runtime::Note("configuration", problem.Text(),
                                          "see docs/configuration.md; `portcall check " + path + "` shows all of it"));
  }
  return area;
}

// Where even the data folder's disk does not answer, the looks at it say so.
Installation Unseen(config::ConfigPtr config, const DoctorOptions& options) {
  Installation it;
  it.config = std::move(config);
  it.environment = options.environment;
  it.me = it.server = Myself();
  it.seen = false;
  return it;
}

Installation Heard(Installation seen, runtime::Lanes& lanes) {
  if (!seen.running()) return seen;
  seen.silence = "it does not answer within 5 seconds";
  auto heard = InTime(lanes, "operators' socket", [seen] { return Asked(seen); });
  return heard ? *std::move(heard) : seen;
}

}  // namespace

Result<Report> Examine(const DoctorOptions& options, runtime::Lanes& lanes) {
  const auto until = Clock::now() + options.patience;
  const auto loaded = InTime(
      lanes, "configuration",
      [options] {
        return config::Load(options.config, options.environment, config::Strictness::kServe, sinks::Kinds());
      },
      options.patience / 2);  // hundreds of endpoints with certificates take a while
  if (!loaded) {
    return Error(Errc::kTimeout, options.config +
                                     " could not be read in time: its disk, or that of a file that it "
                                     "names, does not answer, or no thread can be had");
  }
  if (!loaded->config) return ErrorsOf(*loaded);
  auto seen = InTime(lanes, "server",
                     [config = loaded->config, options] { return FindInstallation(config, options.environment); });
  const auto it =
      std::make_shared<const Installation>(seen ? Heard(*std::move(seen), lanes) : Unseen(loaded->config, options));
  std::vector<Look> looks;
  for (const auto& area : {FileLooks, DatabaseLooks, ServerLooks, ListenerLooks, EndpointLooks, SurroundingLooks}) {
    for (Look& look : area(it)) looks.push_back(std::move(look));
  }
  Report report = DoLooks(std::move(looks), lanes, until);
  report.insert(report.begin(), JudgeConfiguration(options.config, *loaded));
  return report;
}

}  // namespace portcall::app
