#include "app/commands/audit.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "app/commands/command.h"
#include "config/glob.h"
#include "runtime/time.h"
#include "sinks/audit/log/export.h"
#include "sinks/audit/log/verify.h"
#include "store/cursor_peek.h"

namespace portcall::app {
namespace {

namespace audit = sinks::audit;

constexpr int kDamaged = kFailed;

int Refuse(std::ostream& err, const std::string& why) {
  err << "portcall: " << why << '\n';
  return kUsage;
}

// A progress line on stderr, overwritten once a second.
class Progress {
 public:
  Progress(std::ostream& err, bool wanted)
      : err_(err), terminal_(::isatty(STDERR_FILENO) == 1), on_(wanted || terminal_) {}

  std::function<void(const audit::VerifyProgress&)> Callback() {
    if (!on_) return {};
    return [this](const audit::VerifyProgress& now) { Show(now); };
  }
  void End() {
    if (shown_ && terminal_) err_ << '\n';
  }

 private:
  void Show(const audit::VerifyProgress& now) {
    const auto time = std::chrono::steady_clock::now();
    if (time - told_ < std::chrono::seconds(1)) return;
    told_ = time;
    shown_ = true;
    const double seconds = std::chrono::duration<double>(time - begun_).count();
    const std::uint64_t percent = now.of_bytes == 0 ? 100 : now.bytes * 100 / now.of_bytes;
    const double left = now.bytes == 0
                            ? 0
                            : seconds * static_cast<double>(now.of_bytes - std::min(now.bytes, now.of_bytes)) /
                                  static_cast<double>(now.bytes);
    err_ << (terminal_ ? "\r" : "") << percent << " %, " << now.records << " records, "
         << static_cast<std::uint64_t>(left) << " s left" << (terminal_ ? "   " : "\n") << std::flush;
  }

  std::ostream& err_;
  bool terminal_, on_, shown_ = false;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now(), told_ = begun_;
};

nlohmann::json JsonOf(const audit::VerifyReport& report) {
  nlohmann::json findings = nlohmann::json::array();
  for (const audit::Finding& finding : report.findings) {
    nlohmann::json one = {{"file", finding.file}, {"what", finding.what}};
    if (finding.line > 0) one["line"] = finding.line;
    if (finding.record) one["record"] = *finding.record;
    findings.push_back(std::move(one));
  }
  return {{"sound", report.sound()},
          {"findings", findings},
          {"more", report.more},
          {"notes", report.notes},
          {"first", report.first},
          {"records", report.records()},
          {"segments", report.segments},
          {"bytes", report.bytes},
          {"checkpoints", report.checkpoints},
          {"covered", report.covered},
          {"coveredOutside", report.covered_outside},
          {"key", report.key},
          {"keyFromFolder", report.own_key}};
}

std::string UpTo(std::uint64_t covered, std::uint64_t end) {
  if (covered >= end) return "all of them";
  return covered == 0 ? "none of them" : "up to record " + std::to_string(covered - 1);
}

// Says what the check could not see, so that damage there is not taken for ruled out.
void PrintWorth(const audit::VerifyReport& report, const AuditVerifyOptions& options, std::ostream& out) {
  out << "records whose loss at the end would be noticed: by the folder's own checkpoints or better, "
      << UpTo(report.covered, report.end) << "; by what is kept elsewhere, " << UpTo(report.covered_outside, report.end)
      << '\n';
  if (options.outside.empty() && options.database.empty()) {
    out << "there was no anchor: whoever can write the folder could have cut the end of records and checkpoints alike; "
           "give --anchor or --database\n";
  }
  if (report.own_key) {
    out << "the key came from the folder itself: whoever can write there could have replaced it and signed anew; give "
           "--key\n";
  }
}

void Print(const audit::VerifyReport& report, const AuditVerifyOptions& options, std::ostream& out) {
  for (const audit::Finding& finding : report.findings) out << finding.Text() << '\n';
  if (report.more > 0) out << "and " << report.more << " more findings\n";
  for (const std::string& note : report.notes) out << "note: " << note << '\n';
  out << report.records() << " records from " << report.first << " on in " << report.segments << " segments, "
      << report.checkpoints << " checkpoints, key " << report.key << '\n';
  PrintWorth(report, options, out);
  out << options.folder.string() << (report.sound() ? ": ok\n" : ": DAMAGED\n");
}

// Turns a time from the command line into the form that records have.
bool ToRecorded(const std::string& given, std::string& recorded) {
  if (given.empty()) return true;
  const std::optional<std::int64_t> time = runtime::ParseRfc3339(given);
  if (time) recorded = runtime::Rfc3339Fixed(*time);
  return time.has_value();
}

// Buffered, because records are small.
class Output {
 public:
  Output(const std::filesystem::path& file, std::ostream& out) : out_(&out) {
    if (file.empty()) return;
    file_.open(file, std::ios::binary | std::ios::trunc);
    out_ = &file_;
  }
  bool Write(std::string_view text) {
    return static_cast<bool>(out_->write(text.data(), static_cast<std::streamsize>(text.size())));
  }
  bool End() { return static_cast<bool>(out_->flush()); }
  bool good() const { return out_->good(); }

 private:
  std::ofstream file_;
  std::ostream* out_;
};

void AddVerify(CLI::App& noun, Invocation& invocation) {
  CLI::App* verify = noun.add_subcommand("verify", "find whatever was changed in an audit log");
  const auto options = std::make_shared<AuditVerifyOptions>();
  verify->add_option("DIR", options->folder, "the folder of the log")->required();
  verify->add_option("--key", options->key, "file of the verifier key; default: the one in the folder");
  verify->add_option("--against,--anchor", options->outside,
                     "file with checkpoints that were kept elsewhere, as notes or in events");
  CLI::Option* database = verify->add_option("--database", options->database, "the registry's database");
  verify->add_option("--endpoint", options->endpoint, "the audit endpoint's name there")->needs(database);
  verify->add_flag("--json", options->json, "print the result as JSON");
  verify->add_flag("--progress", options->progress, "tell how far it is; a terminal is always told");
  verify->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return AuditVerify(*options, invocation.out, invocation.err); };
  });
}

void AddExport(CLI::App& noun, Invocation& invocation) {
  CLI::App* records = noun.add_subcommand("export", "print records of an audit log");
  const auto options = std::make_shared<AuditExportOptions>();
  records->add_option("DIR", options->folder, "the folder of the log")->required();
  records->add_option("--format", options->format, "jsonl (default), ecs or csv")
      ->check(CLI::IsMember({"jsonl", "ecs", "csv"}));
  records->add_option("--since", options->since, "records from this time on (RFC 3339)");
  records->add_option("--until", options->until, "records before this time");
  records->add_option("--repository", options->repository, "a glob: * within a path segment, ** across them");
  records->add_option("--actor", options->actor, "who did it");
  records->add_option("--action", options->action, "push, pull, mount, delete, refused, ...");
  records->add_option("--output", options->output, "file to write; default: standard output");
  records->add_flag("--progress", options->progress, "tell how far it is; a terminal is always told");
  records->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return AuditExport(*options, invocation.out, invocation.err); };
  });
}

}  // namespace

int AuditVerify(const AuditVerifyOptions& options, std::ostream& out, std::ostream& err) {
  audit::VerifyOptions task;
  task.folder = options.folder;
  task.outside = options.outside;
  if (!options.key.empty()) {
    Result<audit::VerifierKey> key = audit::VerifierKey::FromFile(options.key);
    if (!key) return Refuse(err, key.error().detail);
    task.key = std::move(*key);
  }
  if (!options.database.empty()) {
    // Read before the records: what a running server adds meanwhile then lies beyond the cursor.
    const auto peeked = store::PeekCursor(options.database, options.endpoint);
    if (!peeked) return Refuse(err, peeked.error().detail);
    task.database =
        audit::DatabaseFacts{peeked->cursor.settled - peeked->dead, peeked->cursor.receipt, options.database};
  }
  Progress progress(err, options.progress);
  task.progress = progress.Callback();
  const Result<audit::VerifyReport> report = audit::Verify(task);
  progress.End();
  if (!report) return Refuse(err, report.error().detail);
  if (options.json) {
    out << JsonOf(*report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  } else {
    Print(*report, options, out);
  }
  return report->sound() ? kDone : kDamaged;
}

int AuditExport(const AuditExportOptions& options, std::ostream& out, std::ostream& err) {
  audit::ExportOptions task;
  task.folder = options.folder;
  task.format = options.format == "csv"   ? audit::ExportFormat::kCsv
                : options.format == "ecs" ? audit::ExportFormat::kEcs
                                          : audit::ExportFormat::kJsonLines;
  task.repository = options.repository;
  task.actor = options.actor;
  task.action = options.action;
  if (!ToRecorded(options.since, task.since)) return Refuse(err, "--since: write a time like 2026-01-31T12:00:00Z");
  if (!ToRecorded(options.until, task.until)) return Refuse(err, "--until: write a time like 2026-01-31T12:00:00Z");
  if (!options.action.empty() && !store::ActionOf(options.action))
    return Refuse(err, "--action: there is no '" + options.action + "'");
  if (!options.repository.empty()) {
    if (const std::string why = config::WhyBadGlob(options.repository); !why.empty())
      return Refuse(err, "--repository: " + why);
  }
  Output output(options.output, out);
  if (!output.good()) return Refuse(err, "cannot write " + options.output.string());
  Progress progress(err, options.progress);
  task.progress = progress.Callback();
  const Result<std::uint64_t> written = audit::Export(task, [&](std::string_view text) { return output.Write(text); });
  progress.End();
  if (!written) {
    const bool damaged = written.error().code == Errc::kInvalid;
    err << "portcall: " << written.error().detail << '\n';
    return damaged ? kDamaged : kUsage;
  }
  if (!output.End()) {
    err << "portcall: the records could not be written\n";
    return kDamaged;
  }
  if (!options.output.empty()) err << *written << " records\n";
  return kDone;
}

void AddAudit(CLI::App& program, Invocation& invocation) {
  CLI::App* noun = program.add_subcommand("audit", "read an audit log");
  noun->require_subcommand(1);
  AddVerify(*noun, invocation);
  AddExport(*noun, invocation);
}

}  // namespace portcall::app
