#include "sinks/audit/sink/audit_kind.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "config/reader/disk_places.h"
#include "config/reader/scalars.h"
#include "config/sections/endpoint.h"
#include "runtime/bytes.h"
#include "runtime/named_file.h"
#include "sinks/audit/log/note.h"
#include "sinks/audit/log/record.h"
#include "sinks/audit/sink/audit_config.h"
#include "sinks/audit/sink/audit_sink.h"
#include "sinks/inspection.h"

namespace portcall::sinks {
namespace {

using config::Endpoint;
using config::MapReader;
using config::Quoted;

constexpr std::array<config::Key, 8> kKeys{
    {{"format"}, {"key"}, {"directory"}, {"origin"}, {"checkpoint"}, {"rotate"}, {"compress"}, {"keep"}}};
constexpr std::string_view kNeverGivenUp = "no record is given up";
constexpr std::array<config::Key, 5> kRefused{{{"images", "an audit log is not for images alone"},
                                               {"maxparked", "there is one lane"},
                                               {"maxage", kNeverGivenUp},
                                               {"maxretries", kNeverGivenUp},
                                               {"tls", "it is written to a local folder"}}};

constexpr std::uint64_t kLeastSegment = 4'096;

void ReadDirectory(MapReader& section, AuditConfig& audit) {
  section.Read("directory", audit.directory);
  if (audit.directory.empty()) {
    return section.Error("directory", "is missing: write directory: /var/lib/portcall/audit");
  }
  if (!audit.directory.starts_with('/')) {
    return section.Error("directory", Quoted(audit.directory) + " is not absolute: it begins with /");
  }
  audit.directory = std::filesystem::path(audit.directory).lexically_normal().string();
  if (audit.directory.size() > 1 && audit.directory.ends_with('/')) audit.directory.pop_back();
  if (audit.directory == "/") section.Error("directory", "is the root folder: name one for the audit log alone");
}

bool IsPlain(char c) { return c > 0x20 && c < 0x7f && c != '+'; }

// The name that stands in the first line of every checkpoint and before its signature.
void ReadOrigin(MapReader& section, const Endpoint& endpoint, AuditConfig& audit) {
  audit.default_origin = !section.Has("origin");
  audit.origin = endpoint.source.empty() ? endpoint.name : endpoint.source;
  section.Read("origin", audit.origin);
  const bool plain = std::ranges::all_of(audit.origin, IsPlain);
  if (audit.origin.empty() || audit.origin.size() > 255 || !plain) {
    section.Error("origin", Quoted(audit.origin) +
                                " cannot name a checkpoint: write origin: registry.example.com/audit (printable, "
                                "without blanks and +)");
  }
}

constexpr config::Millis kLeastInterval(1'000);

void ReadSegments(MapReader& section, AuditConfig& audit) {
  MapReader checkpoint = section.Sub("checkpoint");
  checkpoint.Read("records", 1, 1'000'000'000, audit.checkpoint_records);
  checkpoint.ReadAtLeast("interval", kLeastInterval, audit.checkpoint_interval);
  checkpoint.Finish();
  MapReader rotate = section.Sub("rotate");
  rotate.ReadSize("size", 0, audit.rotate_bytes);
  if (audit.rotate_bytes < kLeastSegment) rotate.Error("size", "is too small: at least 4KiB are needed");
  rotate.ReadAtLeast("interval", kLeastInterval, audit.rotate_interval);
  rotate.Finish();
  section.Read("compress", audit.compress);
  section.Read("keep", audit.keep, /*zero_counts=*/true);
}

// Two writers of one chain of records would break it.
void RefuseSharedFolders(MapReader& notifications, const std::vector<Endpoint>& all) {
  std::set<std::string> directories;
  for (const Endpoint& endpoint : all) {
    const auto audit = endpoint.As<AuditConfig>();
    if (!audit || audit->directory.empty() || directories.insert(audit->directory).second) continue;
    notifications.Error("endpoints",
                        "directory: " + Quoted(audit->directory) + " stands at two endpoints; each needs its own");
  }
}

template <class F>
void Change(Endpoint& endpoint, F change) {
  auto changed = std::make_shared<AuditConfig>(*endpoint.As<AuditConfig>());
  change(*changed);
  endpoint.settings = std::move(changed);
}

// Logs of one registry have one source. Their checkpoints are told apart by the origin alone where they go to one
// place.
void TellApart(std::vector<Endpoint>& all) {
  std::map<std::string, int> logs;  // by origin
  for (const Endpoint& endpoint : all) {
    if (const auto audit = endpoint.As<AuditConfig>()) ++logs[audit->origin];
  }
  for (Endpoint& endpoint : all) {
    const auto audit = endpoint.As<AuditConfig>();
    if (!audit || !audit->default_origin || endpoint.source.empty() || logs[audit->origin] < 2) continue;
    std::string origin = endpoint.source + '/' + endpoint.name;
    std::ranges::replace_if(origin, std::not_fn(IsPlain), '-');
    Change(endpoint, [&](AuditConfig& changed) { changed.origin = origin; });
  }
}

void RefuseEqualOrigins(MapReader& notifications, const std::vector<Endpoint>& all) {
  std::set<std::pair<std::string, std::string>> signatures;
  for (const Endpoint& endpoint : all) {
    const auto audit = endpoint.As<AuditConfig>();
    if (!audit || audit->key.empty() || signatures.emplace(audit->origin, audit->key).second) continue;
    notifications.Error("endpoints", "origin: " + Quoted(audit->origin) +
                                         " stands at two audit logs with one key, so that nobody could tell whose "
                                         "checkpoints are whose; each needs its own");
  }
}

// Another key under the old name is another endpoint's: a reload has to make its sink anew.
void DependOnKey(Endpoint& endpoint, const std::string& file) {
  if (file.empty()) return;
  const auto key = runtime::ReadNamed(file, runtime::kMostPemBytes);
  endpoint.DependOn(key ? "key " + runtime::HashHex("sha256", *key) : "no key");
}

class AuditLogs final : public Kind, public Inspectable {
 public:
  AuditLogs() : Kind({.name = "audit", .keys = {kKeys}, .refused = kRefused, .one_line = true, .audits = true}) {}

  void Read(MapReader& section, Endpoint& endpoint) const override {
    auto audit = std::make_shared<AuditConfig>();
    ReadDirectory(section, *audit);
    section.ReadChoice("format", audit::kFormatNames, audit->format);
    section.ReadFile("key", audit->key);
    ReadOrigin(section, endpoint, *audit);
    ReadSegments(section, *audit);
    endpoint.format = audit->format;
    endpoint.place = audit->directory;
    endpoint.settings = std::move(audit);
  }

  void Check(MapReader& section, const Endpoint& endpoint) const override {
    // A start waits for its folder, and making the sink looks at the key.
    if (section.report().strictness() != config::Strictness::kCheck) return;
    const auto audit = endpoint.As<AuditConfig>();
    if (const config::Obstacle found = config::WhyUnwritable(audit->directory); !found.why.empty()) {
      found.only_this_user ? section.Warn("directory", found.why) : section.Error("directory", found.why);
    }
    if (audit->key.empty()) return;
    const auto key = audit::SigningKey::Load(audit->key, audit->origin, /*make=*/false);
    if (!key) section.Error("key", key.error().detail);
  }

  std::string WhyNot(const Endpoint&, std::string_view action) const override {
    if (action != "checkpoint") return {};
    return "an audit log does not record checkpoints; let another endpoint take them";
  }

  void Compare(MapReader& notifications, std::vector<Endpoint>& all) const override {
    RefuseSharedFolders(notifications, all);
    TellApart(all);
    RefuseEqualOrigins(notifications, all);
    const bool anchored = std::ranges::any_of(
        all, [](const Endpoint& endpoint) { return !endpoint.disabled && config::AsksFor(endpoint, "checkpoint"); });
    for (Endpoint& endpoint : all) {
      const auto audit = endpoint.As<AuditConfig>();
      if (audit == nullptr) continue;
      DependOnKey(endpoint, audit->key);
      if (anchored) {
        Change(endpoint, [](AuditConfig& changed) { changed.publish = true; });
        endpoint.DependOn("checkpoints are published");
      } else if (!endpoint.disabled && notifications.report().strictness() == config::Strictness::kCheck) {
        notifications.Warn("endpoints",
                           "nobody outside holds the checkpoints of " + Quoted(endpoint.name) +
                               ", so whoever can write its folder can cut its end unseen: let another endpoint "
                               "take only: {actions: [checkpoint]}, with format: cloudevents");
      }
    }
  }

  Result<std::unique_ptr<Sink>> Make(const Endpoint& endpoint, const Surroundings& around) const override {
    return MakeAudit(endpoint, around);
  }

  // Its folder is looked at by who knows the server's user.
  runtime::Findings Inspect(const Endpoint&, std::chrono::milliseconds) const override { return {}; }
  std::vector<std::string> SecretFiles(const Endpoint& endpoint) const override {
    const auto audit = endpoint.As<AuditConfig>();
    return audit == nullptr || audit->key.empty() ? std::vector<std::string>() : std::vector<std::string>{audit->key};
  }
};

}  // namespace

const Kind& AuditKind() {
  static const AuditLogs kKind;
  return kKind;
}

}  // namespace portcall::sinks
