#include "config/reader/environment.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "config/reader/scalars.h"
#include "config/reader/yaml.h"
#include "runtime/text.h"

namespace portcall::config {
namespace {

constexpr std::string_view kPrefix = "REGISTRY_";
constexpr std::array<std::string_view, 21> kTopLevel{
    "log",           "loglevel", "storage",  "auth",      "middleware", "http",       "notifications",
    "redis",         "health",   "catalog",  "proxy",     "tags",       "validation", "reporting",
    "compatibility", "policy",   "database", "profiling", "gc",         "store",      "audit"};

using runtime::IsDigits;
using runtime::LowerCase;

std::vector<std::string> SplitName(std::string_view name) {
  std::vector<std::string> parts;
  while (true) {
    std::size_t end = name.find('_');
    parts.push_back(LowerCase(name.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    name.remove_prefix(end + 1);
  }
}

// What Kubernetes sets in every container for a service that is called "registry" or "registry-…".
bool IsKubernetes(const std::vector<std::string>& parts, std::string_view value) {
  std::size_t count = parts.size();
  for (std::size_t i = 0; i < count; ++i) {
    bool service = i + 1 < count && parts[i] == "service" && (parts[i + 1] == "host" || parts[i + 1] == "port");
    bool port = i + 2 < count && parts[i] == "port" && IsDigits(parts[i + 1]) &&
                (parts[i + 2] == "tcp" || parts[i + 2] == "udp" || parts[i + 2] == "sctp");
    if (service || port) return true;
  }
  return parts.back() == "port" &&
         (value.starts_with("tcp://") || value.starts_with("udp://") || value.starts_with("sctp://"));
}

void Become(Value& node, Value::Kind kind, const Place& place) {
  node = Value();
  node.kind = kind;
  node.place = place;
}

// The value below `node` that `part` names, made when it is missing; null when there can be none.
Value* Step(Value& node, const std::string& part, const Place& place) {
  if (node.kind == Value::Kind::kNull) Become(node, IsDigits(part) ? Value::Kind::kList : Value::Kind::kMap, place);
  if (node.kind == Value::Kind::kScalar) {  // `storage: filesystem` is short for a map
    Member driver{node.text, node.place, {}};
    driver.value.place = node.place;
    driver.value.kind = Value::Kind::kMap;
    Become(node, Value::Kind::kMap, place);
    node.members.push_back(std::move(driver));
  }
  if (node.kind == Value::Kind::kList) {
    if (!IsDigits(part) || part.size() > 6) return nullptr;
    std::size_t index = std::stoul(part);
    if (index > node.items.size()) return nullptr;
    if (index == node.items.size()) node.items.emplace_back().place = place;
    return &node.items[index];
  }
  for (Member& member : node.members) {
    if (LowerCase(member.key) == part) return &member.value;
  }
  Member added{part, place, {}};
  added.value.place = place;
  node.members.push_back(std::move(added));
  return &node.members.back().value;
}

void Apply(const std::string& name, const std::string& text, std::span<const std::string> path, Report& report,
           Value& root) {
  Place place{std::make_shared<const std::string>(name), 0, 0};
  Value value;
  if (!ParseYaml(text, name, /*with_lines=*/false, report, value)) return;
  Value* target = &root;
  std::string shown;
  for (const std::string& part : path) {
    bool short_form = target == &root || shown == "storage" || shown == "auth";
    bool leaf = target->kind == Value::Kind::kScalar && !short_form;
    Value* next = leaf ? nullptr : Step(*target, part, place);
    if (next == nullptr) {
      return report.Error(place, shown,
                          leaf ? "is a single value; nothing can be set below it"
                               : Quoted(part) + " is no entry of this list: it has " +
                                     std::to_string(target->items.size()) + ", counted from 0");
    }
    shown += (shown.empty() ? "" : ".") + part;
    target = next;
  }
  value.place = place;
  *target = std::move(value);
}

}  // namespace

void ApplyEnvironment(const std::map<std::string, std::string>& environment, Report& report, Value& root) {
  std::string kubernetes;
  std::string first;
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(kPrefix) || name == "REGISTRY_CONFIGURATION_PATH") continue;
    Place place{std::make_shared<const std::string>(name), 0, 0};
    std::vector<std::string> path = SplitName(std::string_view(name).substr(kPrefix.size()));
    if (IsKubernetes(path, value)) {
      if (kubernetes.empty()) first = name;
      kubernetes += (kubernetes.empty() ? "" : ", ") + name;
      continue;
    }
    if (path.front() == "version") {
      report.Warn(place, "version", "cannot be set by a variable and is ignored");
      continue;
    }
    if (std::find(kTopLevel.begin(), kTopLevel.end(), path.front()) == kTopLevel.end()) {
      report.Warn(place, "", "is ignored: no section has this name" + DidYouMean(path.front(), kTopLevel));
      continue;
    }
    if (path.size() > 1 && path[0] == "notifications" && path[1] == "eventconfig") path[1] = "events";
    Apply(name, value, path, report, root);
  }
  if (!kubernetes.empty()) {
    report.Warn({std::make_shared<const std::string>(first), 0, 0}, "",
                "variables that Kubernetes sets for a service are ignored: " + kubernetes);
  }
}

}  // namespace portcall::config
