#include "config/load.h"

#include <memory>
#include <utility>

#include "config/reader/environment.h"
#include "config/reader/references.h"
#include "config/reader/yaml.h"
#include "config/sections/sections.h"
#include "runtime/named_file.h"

namespace portcall::config {
namespace {

constexpr std::size_t kMaxFile = 4u << 20;

void ReadSections(Report& report, const Value& root, KindTable kinds, Config& config) {
  MapReader sections(report, root);
  ReadLog(sections, config.log);
  ReadStorage(sections, config.storage);
  ReadHttp(sections, config.http);
  ReadNotifications(sections, kinds, config);
  ReadAuditPolicy(sections, kinds, config);
  ReadHealth(sections, config.health);
  ReadOthers(sections, config);
  sections.Finish();
}

// Which keys there are in a file like this.
KnownKeys Learn(Value& root, const std::map<std::string, std::string>& environment, KindTable kinds) {
  KnownKeys known;
  Report unsaid(Strictness::kServe);
  ResolveReferences(environment, unsaid, root);
  unsaid.LearnInto(known);
  Config config;
  ReadSections(unsaid, root, kinds, config);
  return known;
}

Loaded Refuse(const std::string& file, std::string message) {
  return {nullptr, {{Severity::kError, file, 0, 0, "", std::move(message)}}};
}

}  // namespace

Loaded Load(const std::string& path, const std::map<std::string, std::string>& environment, Strictness strictness,
            KindTable kinds) {
  const Result<std::string> text = runtime::ReadNamed(path, kMaxFile);
  if (!text) return Refuse(path, text.error().detail);
  return Parse(*text, path, environment, strictness, kinds);
}

Loaded Parse(const std::string& text, const std::string& name, const std::map<std::string, std::string>& environment,
             Strictness strictness, KindTable kinds) {
  if (text.size() > kMaxFile) return Refuse(name, "is larger than 4 MiB, which no configuration is");
  Report report(strictness);
  Value root;
  if (!ParseYaml(text, name, /*with_lines=*/true, report, root)) return {nullptr, report.Take()};
  if (root.kind == Value::Kind::kNull) {
    root.kind = Value::Kind::kMap;
    root.place.source = std::make_shared<const std::string>(name);
  }
  if (root.kind != Value::Kind::kMap) {
    report.Error(root.place, "", "is not a map of settings: it begins with version: 0.1");
    return {nullptr, report.Take()};
  }
  ApplyEnvironment(environment, report, root, [&](Value changed) { return Learn(changed, environment, kinds); });
  ResolveReferences(environment, report, root);

  auto config = std::make_shared<Config>();
  config->path = name;
  ReadSections(report, root, kinds, *config);
  bool failed = report.failed();
  return {failed ? nullptr : std::move(config), report.Take()};
}

}  // namespace portcall::config
