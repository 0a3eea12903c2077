#include "app/commands/command_line.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <ostream>
#include <string_view>

#include "app/commands/audit.h"
#include "app/commands/check.h"
#include "app/server/serve.h"
#include "runtime/version.h"

namespace portcall::app {
namespace {

constexpr int kUsage = 2;
constexpr const char* kPathVariable = "REGISTRY_CONFIGURATION_PATH";

struct Arguments {
  std::string config;
  std::int64_t wait_ms = 60'000;
};

void AddConfig(CLI::App& command, Arguments& arguments) {
  command.add_option("CONFIG", arguments.config, std::string("the configuration file; default: $") + kPathVariable);
}

struct AuditCommands {
  CLI::App *verify = nullptr, *export_records = nullptr;
  AuditVerifyOptions verifying;
  AuditExportOptions exporting;
};

void AddAudit(CLI::App& app, AuditCommands& commands) {
  CLI::App* audit = app.add_subcommand("audit", "read an audit log");
  audit->require_subcommand(1);
  AuditVerifyOptions& verifying = commands.verifying;
  CLI::App* verify = audit->add_subcommand("verify", "find whatever was changed in an audit log");
  verify->add_option("DIR", verifying.folder, "the folder of the log")->required();
  verify->add_option("--key", verifying.key, "file of the verifier key; default: the one in the folder");
  verify->add_option("--against,--anchor", verifying.outside,
                     "file with checkpoints that were kept elsewhere, as notes or in events");
  CLI::Option* database = verify->add_option("--database", verifying.database, "the registry's database");
  verify->add_option("--endpoint", verifying.endpoint, "the audit endpoint's name there")->needs(database);
  verify->add_flag("--json", verifying.json, "print the result as JSON");
  verify->add_flag("--progress", verifying.progress, "tell how far it is; a terminal is always told");
  AuditExportOptions& exporting = commands.exporting;
  CLI::App* records = audit->add_subcommand("export", "print records of an audit log");
  records->add_option("DIR", exporting.folder, "the folder of the log")->required();
  records->add_option("--format", exporting.format, "jsonl (default), ecs or csv")
      ->check(CLI::IsMember({"jsonl", "ecs", "csv"}));
  records->add_option("--since", exporting.since, "records from this time on (RFC 3339)");
  records->add_option("--until", exporting.until, "records before this time");
  records->add_option("--repository", exporting.repository, "a glob: * within a path segment, ** across them");
  records->add_option("--actor", exporting.actor, "who did it");
  records->add_option("--action", exporting.action, "push, pull, mount, delete, refused, ...");
  records->add_option("--output", exporting.output, "file to write; default: standard output");
  records->add_flag("--progress", exporting.progress, "tell how far it is; a terminal is always told");
  commands.verify = verify;
  commands.export_records = records;
}

// The file to read, or nothing after having said what is missing.
bool FindConfig(Arguments& arguments, const Environment& environment, std::ostream& err) {
  if (!arguments.config.empty()) return true;
  if (const auto found = environment.find(kPathVariable); found != environment.end()) arguments.config = found->second;
  if (!arguments.config.empty()) return true;
  err << "portcall: no configuration file: name it, or set " << kPathVariable << '\n';
  return false;
}

}  // namespace

Environment ReadEnvironment(const char* const* environment) {
  Environment result;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    result.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return result;
}

int Run(int argc, const char* const* argv, const Environment& environment, std::ostream& out, std::ostream& err) {
  Arguments arguments;
  CLI::App app("Portcall: a container registry whose notifications arrive", "portcall");
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::help);
  CLI::App* serve = app.add_subcommand("serve", "run the registry and deliver its events");
  AddConfig(*serve, arguments);
  const std::map<std::string, std::int64_t> units = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  serve->add_option("--wait", arguments.wait_ms, "how long to wait for another server that holds the data (60s)")
      ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED, "DURATION"));
  CLI::App* check = app.add_subcommand("check", "say everything that is wrong with a configuration file");
  AddConfig(*check, arguments);
  AuditCommands audit;
  AddAudit(app, audit);
  CLI::App* version = app.add_subcommand("version", "print the version");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e, out, err) == 0 ? 0 : kUsage;
  }
  if (version->parsed()) {
    out << "portcall " << runtime::kVersion << '\n';
    return 0;
  }
  if (audit.verify->parsed()) return AuditVerify(audit.verifying, out, err);
  if (audit.export_records->parsed()) return AuditExport(audit.exporting, out, err);
  if (!FindConfig(arguments, environment, err)) return kUsage;
  if (check->parsed()) return Check(arguments.config, environment, out);
  ServeOptions options;
  options.config_path = arguments.config;
  options.environment = environment;
  options.wait = std::chrono::milliseconds(arguments.wait_ms);
  options.command_line.assign(argv, argv + argc);
  return Serve(options, err);
}

}  // namespace portcall::app
