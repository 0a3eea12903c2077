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

// Maps whose keys are the user's own words: what is left of a name is one of them.
struct OpenMap {
  std::string_view name;
  std::string_view joint;  // between the words of a new key
  bool upper;
};
constexpr std::array<OpenMap, 5> kOpenMaps{{{"headers", "-", false},
                                            {"properties", ".", false},
                                            {"variables", "_", true},
                                            {"inputs", "_", false},
                                            {"fields", "_", false}}};

struct Variable {
  std::string name, value;
  std::vector<std::string> parts;
};

// a.b before a.b.c, and [2] before [10].
bool Earlier(const Variable& a, const Variable& b) {
  return std::ranges::lexicographical_compare(a.parts, b.parts, [](const std::string& x, const std::string& y) {
    if (!IsDigits(x) || !IsDigits(y) || x.size() == y.size()) return x < y;
    return x.size() < y.size();
  });
}

// As names of variables spell it.
std::string Spelling(std::string_view key) {
  std::string spelling = LowerCase(key);
  std::ranges::replace_if(spelling, [](char c) { return !runtime::IsAlphanumeric(c); }, '_');
  return spelling;
}

// One variable on its way down from the root.
class Descent {
 public:
  Descent(const Variable& variable, const KnownKeys& known, Report& report)
      : variable_(variable), known_(known), report_(report), left_(variable.parts) {
    place_.source = std::make_shared<const std::string>(variable.name);
  }

  void Apply(Value& root) {
    Value* target = &root;
    while (!left_.empty()) {
      const bool short_form = path_.empty() || path_ == "storage" || path_ == "auth";
      if (target->kind == Value::Kind::kScalar && !short_form) {
        return Refuse("is a single value; nothing can be set below it");
      }
      Value* next = Step(*target);
      if (next == nullptr) {
        return Refuse(Quoted(left_.front()) + " is no entry of this list: it has " +
                      std::to_string(target->items.size()) + ", counted from 0");
      }
      target = next;
    }
    Set(*target);
  }

 private:
  void Refuse(std::string why) { report_.Error(place_, path_, std::move(why)); }

  void Become(Value& node, Value::Kind kind) const {
    node = Value();
    node.kind = kind;
    node.place = place_;
  }

  // The value below `node` that comes next, made when it is missing; null when there can be none.
  Value* Step(Value& node) {
    if (node.kind == Value::Kind::kNull) {
      Become(node, IsDigits(left_.front()) ? Value::Kind::kList : Value::Kind::kMap);
    }
    if (node.kind == Value::Kind::kScalar) {  // `storage: filesystem` is short for a map
      Member driver{node.text, node.place, {}};
      driver.value.place = node.place;
      driver.value.kind = Value::Kind::kMap;
      Become(node, Value::Kind::kMap);
      node.members.push_back(std::move(driver));
    }
    return node.kind == Value::Kind::kList ? Entry(node) : MemberOf(node);
  }

  Value* Entry(Value& list) {
    const std::string& part = left_.front();
    if (!IsDigits(part) || part.size() > 6) return nullptr;
    const std::size_t index = std::stoul(part);
    if (index > list.items.size()) return nullptr;
    if (index == list.items.size()) list.items.emplace_back().place = place_;
    path_ += "[" + std::to_string(index) + "]";
    left_ = left_.subspan(1);
    return &list.items[index];
  }

  Value* MemberOf(Value& map) {
    const auto [key, taken] = KeyIn(map);
    path_ += (path_.empty() ? "" : ".") + key;
    left_ = left_.subspan(taken);
    if (Member* member = map.Find(key)) return &member->value;
    Member added{key, place_, {}};
    added.value.place = place_;
    map.members.push_back(std::move(added));
    return &map.members.back().value;
  }

  // The key that takes most of what is left, and how many parts that is.
  std::pair<std::string, std::size_t> KeyIn(const Value& map) const {
    const auto known = known_.keys.find(path_);
    for (std::size_t count = left_.size(); count > 0; --count) {
      const std::string wanted = runtime::Joined(left_.first(count), "_");
      for (const Member& member : map.members) {
        if (Spelling(member.key) == wanted) return {member.key, count};
      }
      if (known == known_.keys.end()) continue;
      for (const std::string& key : known->second) {
        if (Spelling(key) == wanted) return {key, count};
      }
    }
    const std::string_view name = std::string_view(path_).substr(path_.rfind('.') + 1);
    const auto open = std::ranges::find(kOpenMaps, name, &OpenMap::name);
    if (open == kOpenMaps.end()) return {left_.front(), 1};
    std::string key = runtime::Joined(left_, open->joint);
    if (open->upper) {
      std::ranges::transform(key, key.begin(),
                             [](char c) { return runtime::IsLowerLetter(c) ? static_cast<char>(c - 'a' + 'A') : c; });
    }
    return {std::move(key), left_.size()};
  }

  void Set(Value& target) {
    Value value;
    const bool header = path_.find("headers.") != std::string::npos && variable_.value.starts_with('[');
    if (known_.structured.contains(path_) || header) {
      if (!ParseYaml(variable_.value, variable_.name, /*with_lines=*/false, report_, value)) return;
      // Null would undo what protects, without a word.
      if (value.kind == Value::Kind::kNull) return Refuse("is null, which undoes what the file says: change the file");
    } else {
      value.kind = Value::Kind::kScalar;
      value.text = variable_.value;
      value.literal = true;
      WarnOfQuotes(value.text);
    }
    value.place = place_;
    target = std::move(value);
  }

  void WarnOfQuotes(std::string_view text) {
    const bool quoted = text.size() > 1 && text.front() == text.back() && (text.front() == '"' || text.front() == '\'');
    if (quoted) report_.Warn(place_, path_, "has quotes at both ends, which are part of the value");
  }

  const Variable& variable_;
  const KnownKeys& known_;
  Report& report_;
  Place place_;
  std::string path_;
  std::span<const std::string> left_;
};

// What is set decides which keys there are (a type, a preset), so they are learnt again until nothing new is found.
KnownKeys LearnWith(std::span<const Variable> variables, const Value& root, const LearnKeys& learn) {
  constexpr int kRounds = 6;  // deeper than any section
  KnownKeys known = learn(root);
  for (int round = 0; round < kRounds; ++round) {
    Value changed = root;
    Report unsaid(Strictness::kServe);
    for (const Variable& variable : variables) Descent(variable, known, unsaid).Apply(changed);
    KnownKeys next = learn(std::move(changed));
    if (next == known) break;
    known = std::move(next);
  }
  return known;
}

// False: it sets nothing, which is said.
bool Counts(const Variable& variable, Report& report) {
  const Place place{.source = std::make_shared<const std::string>(variable.name)};
  if (variable.parts.front() == "version") {
    report.Warn(place, "version", "cannot be set by a variable and is ignored");
    return false;
  }
  if (variable.value.empty()) {
    report.Warn(place, "", "is empty and is ignored: what the file says stays");
    return false;
  }
  return true;
}

bool BeginsWithSection(const Variable& variable, const KnownKeys& known, Report& report) {
  std::vector<std::string_view> sections;
  const auto top = known.keys.find("");
  if (top != known.keys.end()) sections.assign(top->second.begin(), top->second.end());
  const std::string name = runtime::Joined(variable.parts, "_");
  const auto begins = [&name](std::string_view section) {
    return name.starts_with(section) && (name.size() == section.size() || name[section.size()] == '_');
  };
  if (std::ranges::any_of(sections, begins)) return true;
  report.Warn({.source = std::make_shared<const std::string>(variable.name)}, "",
              "is ignored: no section has this name" + DidYouMean(variable.parts.front(), sections));
  return false;
}

}  // namespace

void ApplyEnvironment(const std::map<std::string, std::string>& environment, Report& report, Value& root,
                      const LearnKeys& learn) {
  std::string kubernetes, first;
  std::vector<Variable> variables;
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(kPrefix) || name == "REGISTRY_CONFIGURATION_PATH") continue;
    Variable variable{name, value, SplitName(std::string_view(name).substr(kPrefix.size()))};
    std::vector<std::string>& path = variable.parts;
    if (IsKubernetes(path, value)) {
      if (kubernetes.empty()) first = name;
      kubernetes += (kubernetes.empty() ? "" : ", ") + name;
      continue;
    }
    if (path.size() > 1 && path[0] == "notifications" && path[1] == "eventconfig") path[1] = "events";
    variables.push_back(std::move(variable));
  }
  if (!variables.empty()) {
    const KnownKeys sections = learn(root);
    std::erase_if(variables, [&](const Variable& variable) {
      const bool version = variable.parts.front() == "version";
      return (!version && !BeginsWithSection(variable, sections, report)) || !Counts(variable, report);
    });
  }
  if (!variables.empty()) {
    std::ranges::sort(variables, Earlier);
    const KnownKeys known = LearnWith(variables, root, learn);
    for (const Variable& variable : variables) Descent(variable, known, report).Apply(root);
  }
  if (!kubernetes.empty()) {
    report.Warn({.source = std::make_shared<const std::string>(first)}, "",
                "variables that Kubernetes sets for a service are ignored: " + kubernetes);
  }
}

}  // namespace portcall::config
