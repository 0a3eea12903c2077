#include "sinks/ci/ci_kind.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "config/sections/endpoint.h"
#include "runtime/bytes.h"
#include "runtime/named_file.h"
#include "sinks/ci/ci_preset.h"
#include "sinks/ci/ci_sink.h"
#include "sinks/http/client_options.h"
#include "sinks/http/receiver_look.h"
#include "sinks/inspection.h"

namespace portcall::sinks {
namespace {

using config::Endpoint;
using config::MapReader;
using config::Member;
using config::Value;

constexpr std::array<config::Key, 4> kKeys{{{"preset"}, {"variables"}, {"inputs"}, {"routes"}}};
constexpr std::array<config::Key, 1> kRefused{{{"format", "the preset makes the request"}}};

// A user's own preset may change while its name stays.
std::string HashOfFile(const std::string& path) {
  const Result<std::string> text = runtime::ReadNamed(path, CiPreset::kMostBytes);
  return text && !text->empty() ? runtime::HashHex("sha256", *text) : "";
}

// False: there is none, and what else the entry says cannot be judged.
bool ReadPreset(MapReader& section, CiConfig& ci) {
  section.Read("preset", ci.preset);
  if (ci.preset.empty()) {
    std::string known;
    for (std::string_view name : CiPresetNames()) known += (known.empty() ? "" : ", ") + std::string(name);
    section.Error("preset", "is missing: write one of " + known + ", or the path of your own file");
    return false;
  }
  auto preset = LoadCiPreset(ci.preset);
  if (!preset) {
    std::string_view rest = preset.error().detail;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      if (!line.empty()) section.Error("preset", std::string(line));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    return false;
  }
  ci.definition = std::move(*preset);
  if (ci.preset.find('/') != std::string::npos || std::filesystem::path(ci.preset).has_extension()) {
    section.RecordFact("preset file", HashOfFile(ci.preset));
  }
  return true;
}

void ReadWords(MapReader& section, const CiPreset& preset, Words& words) {
  const auto read = [&](std::string_view word) {
    if (!section.Has(word)) return;
    std::string value;
    section.Read(word, value);
    words.emplace(word, std::move(value));
  };
  for (const CiWord& word : preset.words) read(word.name);
  if (preset.FindWord(kEventIdWord) == nullptr) read(kEventIdWord);
}

void ReadVariables(MapReader& section, CiConfig& ci) {
  ci.as_inputs = section.Has("inputs");
  if (ci.as_inputs && section.Has("variables")) {
    section.Error("inputs", "go in place of variables: write one of the two");
  }
  MapReader variables = section.Sub(ci.as_inputs ? "inputs" : "variables");
  for (const Member& member : variables.Members()) {
    std::string text;
    variables.Accept(member.key);
    if (member.value.kind != Value::Kind::kNull) variables.Read(member.key, text);
    ci.variables.emplace_back(member.key, std::move(text));
  }
}

void ReadRoutes(MapReader& section, CiConfig& ci) {
  section.ForEach("routes", [&](MapReader& entry) {
    CiRoute route;
    entry.Read("repositories", route.repositories);
    if (!entry.Has("repositories")) {
      entry.Error("repositories", "is missing: write repositories: team/** (the first route that fits counts)");
    } else if (const std::string why = config::WhyBadRepositoryGlob(route.repositories); !why.empty()) {
      entry.Error("repositories", why);
    }
    ReadWords(entry, *ci.definition, route.words);
    ci.routes.push_back(std::move(route));
  });
}

bool HoldsSource(std::string_view text) {
  const auto parsed = Template::Parse(text, EventWords());
  if (!parsed) return false;
  return std::ranges::any_of(parsed->words(),
                             [](std::string_view word) { return word == "source" || word == "image"; });
}

bool AnyHoldsSource(const auto& named) {
  return std::ranges::any_of(named, [](const auto& entry) { return HoldsSource(entry.second); });
}

bool NeedsSource(const CiConfig& ci) {
  if (AnyHoldsSource(ci.words)) return true;
  if (ci.definition == nullptr) return false;
  const bool own = ci.as_inputs || !ci.variables.empty();
  if (AnyHoldsSource(own ? ci.variables : ci.definition->variables.defaults)) return true;
  return std::ranges::any_of(ci.definition->words, [&](const CiWord& word) {
    return !ci.words.contains(word.name) && HoldsSource(word.fallback);
  });
}

class CiSystems final : public Kind, public Inspectable {
 public:
  CiSystems() : Kind({.name = "ci", .keys = {kKeys, config::kHttpKeys, config::kQueueKeys}, .refused = kRefused}) {}

  void Read(MapReader& section, Endpoint& endpoint) const override {
    endpoint.timeout = config::Millis(30'000);
    endpoint.max_age = std::chrono::hours(6);
    endpoint.collapse = true;
    endpoint.debounce = config::Millis(5'000);
    endpoint.images_only = true;
    auto ci = std::make_shared<CiConfig>();
    config::ReadUrl(section, endpoint);
    if (ReadPreset(section, *ci)) {
      endpoint.timeout = ci->definition->timeout;
      ReadWords(section, *ci->definition, ci->words);
      ReadVariables(section, *ci);
      ReadRoutes(section, *ci);
      for (std::string& fault : CheckCi(*ci->definition, *ci, section.Has("url"))) section.Error("", std::move(fault));
      if (endpoint.url.empty()) endpoint.url = ci->definition->url;
      endpoint.sends_source = NeedsSource(*ci);
      for (const CiRoute& route : ci->routes) endpoint.routes.push_back(route.repositories);
    } else {
      section.AcceptAll();
    }
    config::ReadHttpKeys(section, endpoint);
    endpoint.settings = std::move(ci);
  }

  void Check(MapReader& section, const Endpoint& endpoint) const override { CheckClientOptions(section, endpoint); }

  std::string WhyNot(const Endpoint&, std::string_view) const override { return "is nothing to build"; }

  Result<std::unique_ptr<Sink>> Make(const Endpoint& endpoint, const Surroundings& around) const override {
    return MakeCi(endpoint, around);
  }

  runtime::Findings Inspect(const Endpoint& endpoint, std::chrono::milliseconds patience) const override {
    runtime::Findings found = LookAtReceiver(endpoint, patience);
    const auto ci = endpoint.As<CiConfig>();
    if (ci == nullptr || ci->definition == nullptr) return found;
    for (const CiWord& word : ci->definition->words) {
      if (!word.secret) continue;
      const auto given = ci->words.find(word.name);
      found.push_back(given != ci->words.end() && !given->second.empty()
                          ? runtime::Fine(endpoint.name, word.name + " is given")
                          : runtime::Note(endpoint.name, word.name + " is not given",
                                          "set it, unless this CI system takes requests without one: " + word.help));
    }
    return found;
  }
};

}  // namespace

const Kind& CiKind() {
  static const CiSystems kKind;
  return kKind;
}

}  // namespace portcall::sinks
