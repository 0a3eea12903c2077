#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <ostream>
#include <utility>

#include "app/commands/command.h"
#include "app/server/options.h"
#include "config/differences.h"
#include "config/load.h"
#include "runtime/http/listener.h"
#include "sinks/kinds.h"
#include "store/database_file.h"

namespace portcall::app {
namespace {

// What a start would find wrong with the database itself. A relative path is seen from where the server is started.
void CheckDatabase(config::Loaded& loaded, const std::string& path) {
  const config::StorageConfig& storage = loaded.config->storage;
  const std::filesystem::path database = DatabaseOf(storage);
  if (!database.is_absolute()) return;
  const auto fit = store::CheckDatabaseFile(database);
  if (fit) return;
  const std::string key = storage.database.empty() ? "storage.filesystem.rootdirectory" : "store.path";
  loaded.problems.push_back({config::Severity::kError, path, 0, 0, key, fit.error().detail});
}

// What a start would find wrong with the hosts that it listens on, once they are looked up; their ports may be taken by
// a server that runs.
void CheckAddresses(config::Loaded& loaded, const std::string& path) {
  const config::HttpConfig& http = loaded.config->http;
  const auto tell = [&](const char* key, std::string what) {
    loaded.problems.push_back({config::Severity::kError, path, 0, 0, key, std::move(what)});
  };
  const auto main = http::EndpointsOf(http.addr);
  if (!main) tell("http.addr", main.error().detail);
  if (http.debug.addr.empty()) return;
  const auto debug = http::EndpointsOf(http.debug.addr);
  if (!debug) tell("http.debug.addr", debug.error().detail);
  if (main && debug && http::Collide(*main, *debug)) {
    tell("http.debug.addr", http.debug.addr + " is the address of the registry itself, " + http.addr);
  }
}

// Prints one line for each finding of the file; 2 when one of them is an error, else 0 after "PATH: ok".
int Check(const std::string& path, const std::map<std::string, std::string>& environment, std::ostream& out) {
  config::Loaded loaded = config::Load(path, environment, config::Strictness::kCheck, sinks::Kinds());
  if (loaded.config) {
    CheckDatabase(loaded, path);
    CheckAddresses(loaded, path);
  }
  for (const config::Problem& problem : loaded.problems) out << problem.Text() << '\n';
  const bool wrong = !loaded.config || std::ranges::any_of(loaded.problems, [](const config::Problem& problem) {
    return problem.severity == config::Severity::kError;
  });
  if (wrong) return kUsage;
  for (const std::string& difference : config::DifferencesFromDistribution(*loaded.config)) {
    out << path << ": note: " << difference << '\n';
  }
  out << path << ": ok\n";
  return kDone;
}

}  // namespace

void AddCheck(CLI::App& program, Invocation& invocation) {
  CLI::App* command = program.add_subcommand("check", "say everything that is wrong with a configuration file");
  const auto path = std::make_shared<std::string>();
  AddConfig(*command, *path);
  command->callback([path, &invocation] {
    invocation.run = [path, &invocation] {
      const auto config = FindConfig(*path, invocation);
      return config ? Check(*config, invocation.environment, invocation.out) : kUsage;
    };
  });
}

}  // namespace portcall::app
