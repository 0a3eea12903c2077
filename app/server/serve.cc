#include "app/server/serve.h"

#include <csignal>
#include <future>
#include <optional>
#include <ostream>
#include <thread>

#include "app/exit_code.h"
#include "app/server/app.h"
#include "app/server/data_folder.h"
#include "app/server/data_lock.h"
#include "app/server/signal_watch.h"
#include "app/server/signals.h"
#include "config/load.h"
#include "sinks/kinds.h"

namespace portcall::app {
namespace {

// How long a drain may exceed its own limit before the process is ended at once. Below five seconds, so that it is gone
// five seconds after the limit in any case.
constexpr std::chrono::milliseconds kOverrun(4'500);
// With files that are read for a reload, which is applied or refused within five seconds: the broker waits for three
// more at most, where the database answers.
constexpr std::chrono::milliseconds kReloadPatience(1'500);

int ExitCodeOf(const Error& error) { return error.code == Errc::kInvalid ? kUsage : kFailed; }

// The file and what it names are read by a thread of its own, which is left behind where a disk does not answer.
std::future<config::Loaded> StartLoad(const ServeOptions& options) {
  std::packaged_task<config::Loaded()> load([path = options.config_path, environment = options.environment] {
    return config::Load(path, environment, config::Strictness::kServe, sinks::Kinds());
  });
  std::future<config::Loaded> loaded = load.get_future();
  std::thread(std::move(load)).detach();
  return loaded;
}

// Nothing: a stop was asked for first.
std::optional<config::Loaded> LoadAtStart(const ServeOptions& options, const Signals& signals) {
  std::future<config::Loaded> loaded = StartLoad(options);
  while (loaded.wait_for(std::chrono::milliseconds(0)) != std::future_status::ready) {
    const auto signal = signals.Wait(std::chrono::milliseconds(5));
    if (signal && *signal != SIGHUP) return std::nullopt;
  }
  return loaded.get();
}

void LogProblems(runtime::Log& log, const config::Loaded& loaded) {
  for (const config::Problem& problem : loaded.problems) {
    if (problem.severity == config::Severity::kError) {
      log.Error(problem.Text());
    } else {
      log.Warn(problem.Text());
    }
  }
}

void Reload(const ServeOptions& options, App& app, runtime::Log& log) {
  std::future<config::Loaded> loading = StartLoad(options);
  if (loading.wait_for(kReloadPatience) != std::future_status::ready) {
    log.Error("configuration not reloaded, the old one stays: the disk of " + options.config_path +
              ", or of a file that it names, does not answer");
    app.RecordReload("configuration " + options.config_path + " refused: a disk does not answer");
    return;
  }
  const config::Loaded loaded = loading.get();
  LogProblems(log, loaded);
  if (!loaded.config) {
    log.Error("configuration not reloaded, the old one stays: the file has errors");
    app.RecordReload("configuration " + options.config_path + " refused: the file has errors");
    return;
  }
  if (auto applied = app.Apply(loaded.config); !applied) {
    log.Error("configuration not reloaded, the old one stays: " + applied.error().detail);
    app.RecordReload("configuration " + options.config_path + " refused: " + applied.error().detail);
    return;
  }
  log.Info("configuration reloaded", {{"file", options.config_path}});
  app.RecordReload("configuration " + options.config_path + " loaded");
}

int RunUntilStopped(const ServeOptions& options, config::ConfigPtr config, const Signals& signals, runtime::Log& log) {
  // From here on, because a start may take long, too: a migration, a disk that does not answer.
  SignalWatch watch(signals, config->http.drain_timeout + kOverrun, log);
  auto app = App::Start(std::move(config), options.command_line, log);
  if (!app) {
    log.Write(runtime::Level::kFatal, app.error().detail);
    return ExitCodeOf(app.error());
  }
  std::optional<runtime::SteadyTime> asked;
  while (!(asked = watch.Await())) Reload(options, **app, log);
  (*app)->Stop(*asked);
  app->reset();
  log.Info("stopped");
  return kDone;
}

}  // namespace

int Serve(const ServeOptions& options, std::ostream& err) {
  const Signals signals;
  const std::optional<config::Loaded> loaded = LoadAtStart(options, signals);
  if (!loaded) {
    err << "stopped while " << options.config_path << " was read\n";
    return kFailed;
  }
  if (!loaded->config) {
    for (const config::Problem& problem : loaded->problems) err << problem.Text() << '\n';
    return kUsage;
  }
  runtime::Log log(LogOptionsOf(loaded->config->log));
  LogProblems(log, *loaded);

  const config::StorageConfig& storage = loaded->config->storage;
  if (auto prepared = PrepareDataFolder(storage.root_directory, DatabaseOf(storage)); !prepared) {
    log.Write(runtime::Level::kFatal, prepared.error().detail);
    return ExitCodeOf(prepared.error());
  }
  bool said = false;
  const auto pause = [&](std::chrono::milliseconds moment) {
    if (!std::exchange(said, true)) log.Info("waiting for another process that holds " + storage.root_directory);
    const auto signal = signals.Wait(moment);
    return !signal || *signal == SIGHUP;
  };
  const auto lock = DataLock::Take(storage.root_directory, options.wait, pause);
  if (!lock) {
    log.Write(runtime::Level::kFatal, lock.error().detail);
    return kFailed;
  }
  return RunUntilStopped(options, loaded->config, signals, log);
}

}  // namespace portcall::app
