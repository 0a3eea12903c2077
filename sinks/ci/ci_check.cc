#include <algorithm>
#include <set>

#include "config/reader/scalars.h"
#include "runtime/text.h"
#include "sinks/ci/ci_preset.h"

namespace portcall::sinks {
namespace {

using runtime::IsDigit;
using runtime::IsLowerLetter;

bool IsLetter(char c) { return runtime::IsLetter(c) || c == '_'; }

// What is wrong with a variable's name; empty: nothing.
std::string WhyBadName(std::string_view name, const CiVariables& variables) {
  const std::string& grammar = variables.names;
  const auto rest = [name](auto fits) { return std::ranges::all_of(name.substr(1), fits); };
  if (name.empty()) return "is empty";
  if (runtime::HasControl(name)) {
    return "holds a control character";
  }
  if (grammar == "identifier" && !(IsLetter(name[0]) && rest([](char c) { return IsLetter(c) || IsDigit(c); }))) {
    return "is not made of letters, digits and _, with no digit first";
  }
  const auto small = [](char c) { return IsLowerLetter(c) || IsDigit(c) || c == '_' || c == '-'; };
  if (grammar == "lower" && !(IsLowerLetter(name[0]) && rest(small))) return "is not made of a-z, digits, _ and -";
  if (std::ranges::find(variables.reserved, name) != variables.reserved.end()) return "means something else there";
  return {};
}

class Checker {
 public:
  Checker(const CiPreset& preset, const CiConfig& config) : preset_(preset), config_(config) {}

  std::vector<std::string> Check(bool has_url) {
    if (!has_url && preset_.url.empty()) Say("url is missing: " + preset_.name + " stands at an address of your own");
    CheckWords(config_.words, "");
    for (const CiRoute& route : config_.routes)
      CheckWords(route.words, "route " + config::Quoted(route.repositories) + ": ");
    CheckRequired();
    CheckPairs();
    CheckVariables();
    return std::move(found_);
  }

 private:
  void Say(std::string sentence) { found_.push_back(std::move(sentence)); }

  void CheckWords(const Words& words, const std::string& where) {
    std::vector<std::string_view> known{kEventIdWord};
    for (const CiWord& word : preset_.words) known.push_back(word.name);
    for (const auto& [name, value] : words) {
      const CiWord* word = preset_.FindWord(name);
      if (word != nullptr) {
        CheckValue(*word, value, where);
      } else if (name != kEventIdWord || !where.empty()) {
        Say(where + config::Quoted(name) + " is no word of " + preset_.name + config::DidYouMean(name, known));
      }
    }
  }

  void CheckValue(const CiWord& word, const std::string& value, const std::string& where) {
    if (word.most > 0 && value.size() > word.most) {
      Say(where + word.name + " has " + std::to_string(value.size()) + " bytes; " + preset_.name + " takes at most " +
          std::to_string(word.most));
    }
    if (runtime::HasControl(value)) {
      Say(where + word.name + " holds a line break or another control character");
    }
    if (word.secret) return;
    if (auto parsed = Template::Parse(value, EventWords()); !parsed)
      Say(where + word.name + ": " + parsed.error().detail);
  }

  static bool Says(const Words& words, const std::string& name) {
    const auto at = words.find(name);
    return at != words.end() && !at->second.empty();
  }

  void CheckRequired() {
    for (const CiWord& word : preset_.words) {
      if (!word.required || Says(config_.words, word.name)) continue;
      const std::string missing = word.name + " is missing" + (word.help.empty() ? "" : ": " + word.help);
      if (config_.routes.empty()) Say(missing);
      for (const CiRoute& route : config_.routes) {
        if (!Says(route.words, word.name)) Say("route " + config::Quoted(route.repositories) + ": " + missing);
      }
    }
  }

  // Words that another word needs (CiWord::with), and that are missing.
  void CheckPairs() {
    static const std::vector<CiRoute> kWhole(1);
    for (const CiRoute& route : config_.routes.empty() ? kWhole : config_.routes) {
      const auto says = [&](const std::string& name) { return Says(route.words, name) || Says(config_.words, name); };
      const auto lacks = [&](const CiWord& word) { return !word.with.empty() && says(word.name) && !says(word.with); };
      const auto word = std::ranges::find_if(preset_.words, lacks);
      if (word == preset_.words.end()) continue;
      Say((config_.routes.empty() ? "" : "route " + config::Quoted(route.repositories) + ": ") + word->with +
          " is missing, which belongs to " + word->name);
    }
  }

  void CheckVariables() {
    if (config_.as_inputs && !preset_.inputs) return Say("inputs: " + preset_.name + " has none: write variables");
    const CiVariables& variables = config_.as_inputs ? *preset_.inputs : preset_.variables;
    const std::string_view where = config_.as_inputs ? "inputs: " : "variables: ";
    const auto given = config_.words.find(std::string(kEventIdWord));
    const std::string event_id = given == config_.words.end() ? variables.event_id : given->second;
    if (std::string why = WhyBadName(event_id, variables); !why.empty()) {
      Say(std::string(kEventIdWord) + ": the name " + config::Quoted(event_id) + " " + why);
    }
    std::set<std::string_view> names{event_id};
    for (const auto& [name, text] : config_.variables) {
      if (std::string why = WhyBadName(name, variables); !why.empty()) {
        Say(std::string(where).append("the name ") + config::Quoted(name) + " " + why);
      } else if (!names.insert(name).second) {
        Say(std::string(where).append(config::Quoted(name)) +
            (name == event_id ? " is the event's id, which goes along by itself" : " stands twice"));
      }
      if (auto parsed = Template::Parse(text, EventWords()); !parsed) {
        Say(std::string(where).append(config::Quoted(name)) + ": " + parsed.error().detail);
      }
    }
    const std::size_t count = 1 + (config_.variables.empty() ? variables.defaults.size() : config_.variables.size());
    if (count > variables.most) {
      Say(std::string(where).append(std::to_string(count)) + " with the event's id; " + preset_.name +
          " takes at most " + std::to_string(variables.most));
    }
  }

  const CiPreset& preset_;
  const CiConfig& config_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> CheckCi(const CiPreset& preset, const CiConfig& config, bool has_url) {
  return Checker(preset, config).Check(has_url);
}

}  // namespace portcall::sinks
