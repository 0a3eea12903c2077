#include "config/reader/references.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "config/reader/scalars.h"
#include "runtime/named_file.h"
#include "runtime/text.h"

namespace portcall::config {
namespace {

constexpr std::string_view kBegin = "${";
constexpr std::string_view kFile = "file:", kVariable = "env:";
constexpr std::size_t kMostBytes = 64 * 1024;
constexpr std::string_view kForms = "${file:PATH} or ${env:NAME}";

// What a reference brings, or why it brings nothing.
struct Brought {
  std::string text, why;
};

std::string WithoutControls(std::string text) {
  std::ranges::replace_if(text, runtime::IsControl, '?');
  return text;
}

Brought ReadSecretFile(const std::string& path) {
  if (path.empty()) return {"", "names no file: write ${file:/run/secrets/name}"};
  const std::string shown = "the file \"" + WithoutControls(path) + "\" of ${file:…}";
  // With the whole path, since its end says which secret it is.
  Result<std::string> read = runtime::ReadNamed(path, kMostBytes);
  if (!read) return {"", shown + " " + read.error().detail};
  std::string text = *std::move(read);
  if (text.find('\0') != std::string::npos) return {"", shown + " is no text"};
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.empty()) return {"", shown + " is empty"};
  return {std::move(text), ""};
}

class Resolver {
 public:
  Resolver(const std::map<std::string, std::string>& environment, Report& report)
      : environment_(environment), report_(report) {}

  // Adds to `hidden` what was brought below `value`.
  void Resolve(Value& value, const std::string& path, std::vector<std::string>& hidden) {
    std::vector<std::string> own;
    if (value.kind == Value::Kind::kScalar) {
      if (!value.literal && value.text.find(kBegin) != std::string::npos) Expand(value, path, own);
    }
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      Resolve(value.items[i], path + "[" + std::to_string(i) + "]", own);
    }
    for (Member& member : value.members) {
      Resolve(member.value, (path.empty() ? "" : path + ".") + member.key.substr(0, 60), own);
    }
    if (own.empty()) return;
    hidden.insert(hidden.end(), own.begin(), own.end());
    value.place.hidden = std::make_shared<const std::vector<std::string>>(std::move(own));
  }

 private:
  void Expand(Value& value, const std::string& path, std::vector<std::string>& hidden) {
    std::string made;
    std::string_view rest = value.text;
    while (true) {
      const std::size_t at = rest.find(kBegin);
      if (at != std::string_view::npos && at > 0 && rest[at - 1] == '$') {
        made.append(rest.substr(0, at - 1)).append(kBegin);
        rest.remove_prefix(at + kBegin.size());
        continue;
      }
      made += rest.substr(0, at);
      if (at == std::string_view::npos) break;
      rest.remove_prefix(at + kBegin.size());
      const std::size_t end = rest.find('}');
      const Brought brought = Bring(end == std::string_view::npos ? std::string_view() : rest.substr(0, end));
      if (!brought.why.empty()) return report_.Error(value.place, path, brought.why);
      made += brought.text;
      hidden.push_back(brought.text);
      report_.Hide(brought.text);
      rest.remove_prefix(end + 1);
    }
    value.text = std::move(made);
  }

  Brought Bring(std::string_view reference) {
    const std::string word(reference);
    if (word.starts_with(kFile)) {
      // Once for a load, so that all places of one file have the same text.
      const auto [at, fresh] = files_.try_emplace(word.substr(kFile.size()));
      if (fresh) at->second = ReadSecretFile(at->first);
      return at->second;
    }
    if (!word.starts_with(kVariable)) {
      // It may be part of a secret, and is not shown.
      return {"",
              "holds ${, which begins a reference, " + std::string(kForms) + "; write $${ for the characters alone"};
    }
    const std::string name = word.substr(kVariable.size());
    const auto variable = environment_.find(name);
    if (variable == environment_.end()) return {"", "the variable " + Quoted(name) + " of ${env:…} is not set"};
    if (variable->second.empty()) return {"", "the variable " + Quoted(name) + " of ${env:…} is empty"};
    return {variable->second, ""};
  }

  const std::map<std::string, std::string>& environment_;
  Report& report_;
  std::map<std::string, Brought> files_;
};

}  // namespace

void ResolveReferences(const std::map<std::string, std::string>& environment, Report& report, Value& root) {
  std::vector<std::string> hidden;
  Resolver(environment, report).Resolve(root, "", hidden);
}

}  // namespace portcall::config
