#include "app/server/serve.h"

#include <unistd.h>

#include <csignal>
#include <future>
#include <optional>
#include <ostream>
#include <system_error>
#include <thread>

#include "app/exit_code.h"
#include "app/server/app.h"
#include "app/server/data_folder.h"
#include "app/server/data_lock.h"
#include "app/server/options.h"
#include "app/server/signal_watch.h"
#include "app/server/signals.h"
#include "config/load.h"
#include "runtime/task_limit.h"
#include "runtime/text.h"
#include "sinks/kinds.h"

namespace portcall::app {
namespace {

// How long a drain may exceed its own limit before the process is ended at once. Below five seconds, so that it is gone
// five seconds after the limit in any case.
constexpr std::chrono::milliseconds kOverrun(4'500);
// With files that are read for a reload, which is applied or refused within five seconds: the broker waits for three
// more at most, where the database answers.
constexpr std::chrono::milliseconds kReloadPatience(1'500);

// Between two looks at the files of certificates.
constexpr std::chrono::seconds kCertificateLook(5);

int ExitCodeOf(const Error& error) {
  if (error.code == Errc::kCancelled) return kDone;  // by a stop that was asked for
  return error.code == Errc::kInvalid ? kUsage : kFailed;
}

// The file and what it names are read by a thread of its own, which is left behind where a disk does not answer.
Result<std::future<config::Loaded>> StartLoad(const ServeOptions& options) {
  std::packaged_task<config::Loaded()> load([path = options.config_path, environment = options.environment] {
    return config::Load(path, environment, config::Strictness::kServe, sinks::Kinds());
  });
  std::future<config::Loaded> loaded = load.get_future();
  try {
    std::thread(std::move(load)).detach();
  } catch (const std::system_error&) {
    return runtime::NoThread();
  }
  return loaded;
}

// kCancelled: a stop was asked for first.
Result<config::Loaded> LoadAtStart(const ServeOptions& options, const Signals& signals) {
  auto loaded = StartLoad(options);
  if (!loaded) return loaded.error();
  while (loaded->wait_for(std::chrono::milliseconds(0)) != std::future_status::ready) {
    const auto signal = signals.Wait(std::chrono::milliseconds(5));
    if (signal && *signal != SIGHUP)
      return Error(Errc::kCancelled, "stopped while " + options.config_path + " was read");
  }
  return loaded->get();
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

// False: refused.
bool Reload(const ServeOptions& options, App& app, runtime::Log& log) {
  const auto refuse = [&](const std::string& why, const std::string& recorded) {
    log.Error("configuration not reloaded, the old one stays: " + why);
    app.RecordReload("configuration " + options.config_path + " refused: " + recorded);
    return false;
  };
  auto loading = StartLoad(options);
  if (!loading) return refuse(loading.error().detail, loading.error().detail);
  if (loading->wait_for(kReloadPatience) != std::future_status::ready) {
    return refuse("the disk of " + options.config_path + ", or of a file that it names, does not answer",
                  "a disk does not answer");
  }
  const config::Loaded loaded = loading->get();
  LogProblems(log, loaded);
  if (!loaded.config) return refuse("the file has errors", "the file has errors");
  if (auto applied = app.Apply(loaded.config); !applied) return refuse(applied.error().detail, applied.error().detail);
  log.Info("configuration reloaded", {{"file", options.config_path}});
  app.RecordReload("configuration " + options.config_path + " loaded");
  return true;
}

// What keeps it from being taken is logged.
Result<DataLock> TakeLock(const std::filesystem::path& file, std::chrono::milliseconds wait, const Signals& signals,
                          runtime::Log& log) {
  bool said = false;
  const auto pause = [&](std::chrono::milliseconds moment) {
    if (!std::exchange(said, true)) log.Info("waiting for another process that holds " + file.string());
    const auto signal = signals.Wait(moment);
    return !signal || *signal == SIGHUP;
  };
  auto lock = DataLock::Take(file, wait, pause);
  if (!lock) {
    const bool stopped = lock.error().code == Errc::kCancelled;
    log.Write(stopped ? runtime::Level::kInfo : runtime::Level::kFatal, lock.error().detail);
  }
  return lock;
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
  while (!asked) {
    if (!watch.ComesBefore(std::chrono::steady_clock::now() + kCertificateLook)) {
      (*app)->RenewCertificates(/*at_once=*/false);
      continue;
    }
    asked = watch.Await();
    if (!asked && !Reload(options, **app, log)) (*app)->RenewCertificates(/*at_once=*/true);
  }
  const std::vector<std::string> hung = (*app)->Stop(*asked);
  if (!hung.empty()) {
    log.Warn("stopped; left behind is what does not answer", {{"what", runtime::Joined(hung)}});
    log.Flush();
    _exit(kDone);
  }
  app->reset();
  log.Info("stopped");
  return kDone;
}

}  // namespace

int Serve(const ServeOptions& options, std::ostream& err) {
  const Signals signals;
  const Result<config::Loaded> loaded = LoadAtStart(options, signals);
  if (!loaded) {
    err << loaded.error().detail << '\n';
    return ExitCodeOf(loaded.error());
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
  // Of both: servers with folders of their own may name one database.
  std::vector<DataLock> locks;
  for (const auto& file :
       {DataLock::FileOfFolder(storage.root_directory), DataLock::FileOfDatabase(DatabaseOf(storage))}) {
    auto lock = TakeLock(file, options.wait, signals, log);
    if (!lock) return ExitCodeOf(lock.error());
    locks.push_back(*std::move(lock));
  }
  try {
    return RunUntilStopped(options, loaded->config, signals, log);
  } catch (const std::system_error& e) {
    if (e.code() != std::errc::resource_unavailable_try_again) throw;
    log.Write(runtime::Level::kFatal, runtime::NoThread().detail);
    return kFailed;
  }
}

}  // namespace portcall::app
