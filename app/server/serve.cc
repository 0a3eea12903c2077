#include "app/server/serve.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>
#include <optional>
#include <ostream>
#include <system_error>
#include <thread>

#include "app/exit_code.h"
#include "app/server/app.h"
#include "app/server/aside.h"
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
// more at most, where the database answers. What takes longer is told, and goes on beside what else there is to do.
constexpr std::chrono::milliseconds kReloadPatience(1'500), kReloadLimit(4'900);
constexpr std::chrono::milliseconds kAsideLook(20);  // between two looks at whether it is over

// Between two looks at the files of certificates.
constexpr std::chrono::seconds kCertificateLook(5);

int ExitCodeOf(const Error& error) {
  if (error.code == Errc::kCancelled) return kDone;  // by a stop that was asked for
  return error.code == Errc::kInvalid ? kUsage : kFailed;
}

std::atomic<int> loaders = 0;  // threads that read files

// What a thread uses that is still left behind must not be destroyed under it.
int Leave(int code) {
  if (loaders > 0) _exit(code);
  return code;
}

// The file and what it names are read by a thread of its own, which is left behind where a disk does not answer.
Result<std::future<config::Loaded>> StartLoad(const ServeOptions& options) {
  std::packaged_task<config::Loaded()> load([path = options.config_path, environment = options.environment] {
    return config::Load(path, environment, config::Strictness::kServe, sinks::Kinds());
  });
  std::future<config::Loaded> loaded = load.get_future();
  ++loaders;
  try {
    std::thread([load = std::move(load)]() mutable {
      load();
      --loaders;
    }).detach();
  } catch (const std::system_error&) {
    --loaders;
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
Result<DataLock> TakeLock(const std::filesystem::path& file, std::chrono::milliseconds wait, SignalWatch& watch,
                          runtime::Log& log) {
  bool said = false;
  const auto pause = [&](std::chrono::milliseconds moment) {
    if (!std::exchange(said, true)) log.Info("waiting for another process that holds " + file.string());
    return !watch.ComesBefore(std::chrono::steady_clock::now() + moment) || !watch.Await();
  };
  auto lock = DataLock::Take(file, wait, pause);
  if (!lock) {
    const bool stopped = lock.error().code == Errc::kCancelled;
    log.Write(stopped ? runtime::Level::kInfo : runtime::Level::kFatal, lock.error().detail);
  }
  return lock;
}

// False: it is not over in time, or a stop is wanted first.
bool Over(Aside& aside, SignalWatch& watch) {
  const auto until = std::chrono::steady_clock::now() + kReloadLimit;
  while (!aside.OverWithin(kAsideLook)) {
    if (watch.StopIsWanted() || std::chrono::steady_clock::now() >= until) return false;
  }
  return true;
}

// Where the file is not used, the certificates are looked at all the same.
void ReloadAside(Aside& aside, SignalWatch& watch, const ServeOptions& options, App& app, runtime::Log& log) {
  const auto reload = [&options, &app, &log] {
    if (!Reload(options, app, log)) app.RenewCertificates(/*at_once=*/true);
  };
  const bool earlier = !Over(aside, watch);
  if (watch.StopIsWanted()) return;
  if (earlier) {
    log.Error("configuration not reloaded, the old one stays: an earlier reload still waits for a disk");
  } else if (const auto started = aside.Start(reload); !started) {
    log.Error("configuration not reloaded, the old one stays: " + started.error().detail);
  } else if (!Over(aside, watch) && !watch.StopIsWanted()) {
    log.Error(
        "the configuration is not reloaded yet: a disk does not answer. It is applied or refused, as a whole, when the "
        "disk does; other reloads are refused until then");
  }
}

int RunUntilStopped(const ServeOptions& options, config::ConfigPtr config, SignalWatch& watch, runtime::Log& log) {
  auto app = App::Start(std::move(config), options.command_line, log);
  if (!app) {
    log.Write(runtime::Level::kFatal, app.error().detail);
    return ExitCodeOf(app.error());
  }
  std::optional<runtime::SteadyTime> asked;
  Aside aside;
  while (!asked) {
    if (!watch.ComesBefore(std::chrono::steady_clock::now() + kCertificateLook)) {
      // Where it cannot be begun now, the next look makes up for it.
      (void)aside.Start([&app] { (*app)->RenewCertificates(/*at_once=*/false); });
      continue;
    }
    asked = watch.Await();
    if (!asked) ReloadAside(aside, watch, options, **app, log);
  }
  (*app)->Drain(*asked);
  aside.Await();  // what is under way uses the rest; where it hangs, the watch ends the process
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

int ServeLoaded(const ServeOptions& options, config::ConfigPtr config, const Signals& signals, runtime::Log& log) {
  // From here on a stop may be asked for while something hangs: a disk, a migration.
  SignalWatch watch(signals, config->http.drain_timeout + kOverrun, log);
  const config::StorageConfig storage = config->storage;
  if (auto prepared = PrepareDataFolder(storage.root_directory, DatabaseOf(storage)); !prepared) {
    log.Write(runtime::Level::kFatal, prepared.error().detail);
    return ExitCodeOf(prepared.error());
  }
  // Of both: servers with folders of their own may name one database.
  std::vector<DataLock> locks;
  for (const auto& file :
       {DataLock::FileOfFolder(storage.root_directory), DataLock::FileOfDatabase(DatabaseOf(storage))}) {
    auto lock = TakeLock(file, options.wait, watch, log);
    if (!lock) return ExitCodeOf(lock.error());
    locks.push_back(*std::move(lock));
  }
  return RunUntilStopped(options, std::move(config), watch, log);
}

}  // namespace

int Serve(const ServeOptions& options, std::ostream& err) {
  const Signals signals;
  const Result<config::Loaded> loaded = LoadAtStart(options, signals);
  if (!loaded) {
    err << loaded.error().detail << std::endl;
    return Leave(ExitCodeOf(loaded.error()));
  }
  if (!loaded->config) {
    for (const config::Problem& problem : loaded->problems) err << problem.Text() << '\n';
    return kUsage;
  }
  runtime::Log log(LogOptionsOf(loaded->config->log));
  LogProblems(log, *loaded);

  try {
    const int code = ServeLoaded(options, loaded->config, signals, log);
    log.Flush();
    return Leave(code);
  } catch (const std::system_error& e) {
    if (e.code() != std::errc::resource_unavailable_try_again) throw;
    log.Write(runtime::Level::kFatal, runtime::NoThread().detail);
    return kFailed;
  }
}

}  // namespace portcall::app
