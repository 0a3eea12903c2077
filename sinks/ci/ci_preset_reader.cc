#include <algorithm>
#include <array>
#include <set>

#include "config/reader/address.h"
#include "config/reader/map_reader.h"
#include "config/reader/scalars.h"
#include "config/reader/yaml.h"
#include "config/sections/endpoint.h"
#include "runtime/text.h"
#include "sinks/ci/ci_kind.h"
#include "sinks/ci/ci_preset.h"

namespace portcall::sinks {
namespace {

using config::MapReader;
using config::Member;
using config::Place;
using config::Report;
using config::UnknownKeys;
using config::Value;

bool IsWordName(std::string_view name) {
  const auto fits = [](char c) { return runtime::IsLowerLetter(c) || runtime::IsDigit(c) || c == '_'; };
  return !name.empty() && runtime::IsLowerLetter(name[0]) && std::ranges::all_of(name, fits);
}

// A preset's words stand beside an endpoint's own keys, and in templates beside the words of events.
bool IsTaken(std::string_view name) {
  constexpr std::array<std::string_view, 2> kOurs{kEventIdWord, "repositories"};  // the last one is a route's
  const auto has = [name](const auto& names) { return std::ranges::find(names, name) != names.end(); };
  const config::Kind::Traits& traits = CiKind().traits();
  return has(config::kEntryKeys) || CiKind().FindKey(name) != nullptr || has(kOurs) || has(EventWords()) ||
         std::ranges::find(traits.refused, name, &config::Key::name) != traits.refused.end();
}

std::vector<std::string> SplitPath(std::string_view dotted) {
  std::vector<std::string> parts;
  while (!dotted.empty()) {
    const std::size_t dot = dotted.find('.');
    parts.emplace_back(dotted.substr(0, dot));
    dotted.remove_prefix(dot == std::string_view::npos ? dotted.size() : dot + 1);
  }
  return parts;
}

// Reads one file into one preset. The words come first: everything after them is templates over them.
class Reader {
 public:
  // `outer` holds the file as its one member without a name, so that unknown keys are refused in it.
  Reader(Report& report, const Value& outer) : report_(report), root_(MapReader(report, outer).Sub("", kRefused)) {}

  std::shared_ptr<const CiPreset> Read() {
    root_.Read("name", preset_.name);
    root_.Read("about", preset_.about);
    root_.Read("url", preset_.url);
    if (preset_.name.empty()) root_.Error("name", "is missing");
    if (std::string why = config::WhyBadUrl(preset_.url); !preset_.url.empty() && !why.empty()) root_.Error("url", why);
    ReadWords();
    ReadRequests();
    ReadAuth();
    preset_.variables = ReadVariables("variables");
    if (root_.Has("inputs")) preset_.inputs = ReadVariables("inputs");
    ReadSuccess();
    ReadRedirect();
    ReadPartly();
    ReadAnswer();
    std::string filtered;
    root_.Read("filtered", filtered);
    preset_.filtered = SplitPath(filtered);
    root_.Read("timeout", preset_.timeout);
    const MapReader waits = root_.Sub("waits");
    for (const Member& member : waits.Members()) preset_.waits.emplace_back(member.key, member.value.text);
    ReadLookup();
    root_.Finish();
    return report_.failed() ? nullptr : std::make_shared<const CiPreset>(std::move(preset_));
  }

 private:
  void ReadWords() {
    MapReader words = root_.Sub("words");
    known_.assign(EventWords().begin(), EventWords().end());
    if (!words.there()) return;
    for (const Member& member : words.Members()) {
      CiWord word;
      word.name = member.key;
      if (!IsWordName(word.name)) words.Error(member.key, "a word is made of a-z, 0-9 and _");
      if (IsTaken(word.name)) words.Error(member.key, "is a key of every endpoint or a word of every event");
      MapReader entry = words.Sub(member.key);
      ReadWord(entry, word);
      preset_.words.push_back(std::move(word));
    }
    for (const CiWord& word : preset_.words) {
      known_.push_back(word.name);
      if (auto parsed = Template::Parse(word.fallback, EventWords()); !parsed) {
        words.Error(word.name, "default: " + parsed.error().detail);
      }
      if (!word.with.empty() && preset_.FindWord(word.with) == nullptr) {
        words.Error(word.name, "with: " + config::Quoted(word.with) + " is not among the words");
      }
    }
  }

  static void ReadWord(MapReader& entry, CiWord& word) {
    entry.Read("help", word.help);
    entry.Read("default", word.fallback);
    entry.Read("with", word.with);
    entry.Read("required", word.required);
    entry.Read("secret", word.secret);
    std::string shape = "segment";
    entry.ReadChoice("as", {"segment", "path", "folders"}, shape);
    word.shape = shape == "path"      ? CiWord::Shape::kPath
                 : shape == "folders" ? CiWord::Shape::kFolders
                                      : CiWord::Shape::kSegment;
    entry.Read("most", 1, 65'536, word.most);
    entry.Read("until", word.until);
    if (word.required && !word.fallback.empty()) entry.Error("default", "a required word has none");
    entry.Finish();
  }

  Template Parse(const Place& place, const std::string& path, std::string_view text) {
    auto parsed = Template::Parse(text, known_);
    if (parsed) return *std::move(parsed);
    report_.Error(place, path, parsed.error().detail);
    return {};
  }
  Template ReadTemplate(MapReader& section, std::string_view key) {
    std::string text;
    section.Read(key, text);
    return Parse(section.PlaceOf(key), section.PathOf(key), text);
  }

  CiEntries ReadEntries(MapReader& section, std::string_view key) {
    CiEntries entries;
    const MapReader map = section.Sub(key);
    for (const Member& member : map.Members()) {
      const std::string path = map.PathOf(member.key);
      if (member.value.kind != Value::Kind::kScalar) {
        report_.Error(member.place, path, "wants text");
      } else {
        entries.emplace_back(member.key, Parse(member.value.place, path, member.value.text));
      }
    }
    return entries;
  }

  CiEntries ReadFields(MapReader& section, std::string_view key) {
    CiEntries fields = ReadEntries(section, key);
    for (const auto& [name, value] : fields) {
      if (const std::string why = config::WhyBadHeaderName(name); !why.empty()) section.Error(key, why);
    }
    return fields;
  }

  CiNode ReadNode(const Value& value, const std::string& path) {
    CiNode node;
    if (value.kind == Value::Kind::kMap) {
      node.kind = CiNode::Kind::kMap;
      for (const Member& member : value.members) {
        node.names.push_back(member.key);
        node.items.push_back(ReadNode(member.value, path + "." + member.key));
      }
    } else if (value.kind == Value::Kind::kList) {
      node.kind = CiNode::Kind::kList;
      for (const Value& item : value.items) node.items.push_back(ReadNode(item, path + "[]"));
    } else if (const auto number = config::ParseWhole(value.text); number && !value.quoted) {
      node.kind = CiNode::Kind::kNumber;
      node.number = *number;
    } else if (!value.quoted && (value.text == "true" || value.text == "false")) {
      node.kind = CiNode::Kind::kFlag;
      node.number = value.text == "true" ? 1 : 0;
    } else {
      node.text = Parse(value.place, path, value.text);
    }
    return node;
  }

  void ReadRequests() {
    const Value* node = root_.Get("request");
    if (node == nullptr) return root_.Error("request", "is missing: write path, and what else the request has");
    if (node->kind == Value::Kind::kList) {
      root_.ForEach("request", [this](MapReader& entry) { ReadRequest(entry); });
    } else {
      MapReader entry = root_.Sub("request");
      ReadRequest(entry);
      entry.Finish();
    }
    if (!preset_.requests.empty() && !preset_.requests.back().when.empty()) {
      root_.Error("request", "the last one is for every case: it has no when");
    }
  }

  void ReadRequest(MapReader& entry) {
    CiRequest request;
    entry.Read("when", request.when);
    for (const std::string& word : request.when) {
      if (preset_.FindWord(word) == nullptr) entry.Error("when", config::Quoted(word) + " is not among the words");
    }
    entry.ReadChoice("method", {"POST", "PUT", "PATCH", "GET"}, request.method);
    request.path = ReadTemplate(entry, "path");
    std::string path;
    entry.Read("path", path);
    if (!path.starts_with('/')) entry.Error("path", "begins with /");
    if (path.find_first_of("?# ") != std::string::npos) entry.Error("path", "holds no blank, ? or #; use query");
    request.query = ReadEntries(entry, "query");
    request.headers = ReadFields(entry, "headers");
    const bool form = entry.Has("form");
    if (form) request.form = ReadEntries(entry, "form");
    if (form) request.body = CiRequest::Body::kForm;
    if (const Value* json = entry.Get("json")) {
      if (form) entry.Error("json", "a body is a form or JSON, not both");
      if (json->kind != Value::Kind::kMap) entry.Error("json", "is a map");
      request.body = CiRequest::Body::kJson;
      request.json = ReadNode(*json, entry.PathOf("json"));
    }
    if (request.method == "GET" && request.body != CiRequest::Body::kNone) entry.Error("method", "GET has no body");
    preset_.requests.push_back(std::move(request));
  }

  void ReadAuth() {
    MapReader auth = root_.Sub("auth");
    preset_.auth.bearer = ReadTemplate(auth, "bearer");
    MapReader basic = auth.Sub("basic");
    preset_.auth.user = ReadTemplate(basic, "user");
    preset_.auth.password = ReadTemplate(basic, "password");
    basic.Finish();
    preset_.auth.signature_headers = ReadFields(auth, "signatures");
    auth.Finish();
  }

  CiVariables ReadVariables(std::string_view key) {
    CiVariables variables;
    MapReader section = root_.Sub(key);
    std::string place = "json", shape = "map", at, name = "{{name}}";
    section.ReadChoice("in", {"json", "form", "query"}, place);
    section.ReadChoice("as", {"map", "list", "text"}, shape);
    section.Read("at", at);
    section.Read("name", name);
    section.ReadChoice("names", {"any", "identifier", "lower"}, variables.names);
    section.Read("reserved", variables.reserved);
    section.Read("most", 1, 1'000, variables.most);
    section.Read("eventid", variables.event_id);
    variables.place = place == "form"    ? CiVariables::Place::kForm
                      : place == "query" ? CiVariables::Place::kQuery
                                         : CiVariables::Place::kJson;
    variables.shape = shape == "list"   ? CiVariables::Shape::kList
                      : shape == "text" ? CiVariables::Shape::kText
                                        : CiVariables::Shape::kMap;
    const bool text = variables.shape == CiVariables::Shape::kText;
    variables.at = text ? std::vector{at} : SplitPath(at);
    constexpr std::array<std::string_view, 1> kName{"name"};
    if (auto parsed = Template::Parse(name, kName)) {
      variables.name = *std::move(parsed);
    } else {
      section.Error("name", parsed.error().detail);
    }
    if (text && (at.empty() || place != "form")) section.Error("as", "text wants in: form, and at: the field's name");
    if (shape == "list" && (at.empty() || place != "json")) section.Error("as", "a list wants in: json, and at");
    if (place != "json" && !text && !at.empty()) section.Error("at", "is for JSON bodies and for as: text");
    CheckPlace(section, variables.place);
    ReadDefaults(section, variables);
    section.Finish();
    return variables;
  }

  void CheckPlace(MapReader& section, CiVariables::Place place) {
    for (const CiRequest& request : preset_.requests) {
      const bool fits = place == CiVariables::Place::kQuery ||
                        (place == CiVariables::Place::kForm ? request.body == CiRequest::Body::kForm
                                                            : request.body == CiRequest::Body::kJson);
      if (!fits) return section.Error("in", "a request has no body of this kind");
    }
  }

  void ReadDefaults(MapReader& section, CiVariables& variables) {
    auto& defaults = variables.defaults;
    if (!section.Has("defaults")) {
      defaults = {{"REGISTRY_REPOSITORY", "{{repository}}"},
                  {"REGISTRY_TAG", "{{tag}}"},
                  {"REGISTRY_DIGEST", "{{digest}}"},
                  {"REGISTRY_IMAGE", "{{image}}"},
                  {"REGISTRY_ACTOR", "{{actor}}"}};
      return;
    }
    const MapReader map = section.Sub("defaults");
    for (const Member& member : map.Members()) {
      if (auto parsed = Template::Parse(member.value.text, EventWords()); !parsed) {
        report_.Error(member.value.place, map.PathOf(member.key), parsed.error().detail);
      }
      defaults.emplace_back(member.key, member.value.text);
    }
  }

  void ReadSuccess() {
    std::vector<std::string> statuses;
    root_.Read("success", statuses);
    for (const std::string& text : statuses) {
      const auto status = config::ParseWhole(text);
      if (!status || *status < 200 || *status > 299) {
        root_.Error("success", config::Quoted(text) + " is not a status from 200 to 299");
      } else {
        preset_.success.push_back(static_cast<int>(*status));
      }
    }
    if (statuses.empty()) root_.Error("success", "is missing: the statuses that mean that a build was accepted");
    const MapReader hints = root_.Sub("hints");
    for (const Member& member : hints.Members()) {
      const auto status = config::ParseWhole(member.key);
      if (!status || *status < 300 || *status > 599) {
        report_.Error(member.place, hints.PathOf(member.key), "is not a status from 300 to 599");
      } else {
        preset_.hints[static_cast<int>(*status)] = member.value.text;
      }
    }
  }

  void ReadRedirect() {
    if (!root_.Has("redirect")) return;
    MapReader section = root_.Sub("redirect");
    section.Read("status", 300, 399, preset_.redirect.status);
    section.Read("to", preset_.redirect.to);
    if (preset_.redirect.status == 0 || preset_.redirect.to.empty()) section.Error("", "wants status and to");
    section.Finish();
  }

  void ReadPartly() {
    if (!root_.Has("partly")) return;
    MapReader section = root_.Sub("partly");
    std::string at;
    section.Read("status", 300, 599, preset_.partly.status);
    section.Read("at", at);
    section.Read("equals", preset_.partly.equals);
    preset_.partly.at = SplitPath(at);
    const bool any = std::ranges::find(preset_.partly.at, "*") != preset_.partly.at.end();
    if (preset_.partly.status == 0 || !any) section.Error("", "wants status, at with a *, and equals");
    section.Finish();
  }

  void ReadAnswer() {
    if (!root_.Has("answer")) return;
    MapReader section = root_.Sub("answer");
    std::string at;
    CiAnswer& answer = preset_.answer;
    section.Read("json", answer.json);
    section.Read("at", at);
    section.Read("equals", answer.equals);
    section.Read("complaint", answer.complaint);
    answer.at = SplitPath(at);
    const bool nothing = !answer.json && at.empty();
    if (nothing || at.empty() != answer.complaint.empty()) {
      section.Error("", "wants json: true, or at, equals and complaint");
    }
    section.Finish();
  }

  void ReadLookup() {
    if (!root_.Has("lookup")) return;
    CiLookup& lookup = preset_.lookup;
    MapReader section = root_.Sub("lookup");
    section.Read("word", lookup.word);
    if (preset_.FindWord(lookup.word) == nullptr) section.Error("word", "is not among the words");
    lookup.path = ReadTemplate(section, "path");
    std::string take;
    section.Read("take", take);
    lookup.take = SplitPath(take);
    if (lookup.path.empty() || take.empty()) section.Error("", "wants word, path and take");
    section.Finish();
  }

  static constexpr UnknownKeys kRefused = UnknownKeys::kRefused;
  Report& report_;
  MapReader root_;
  CiPreset preset_;
  std::vector<std::string_view> known_;
};

}  // namespace

Result<std::shared_ptr<const CiPreset>> ParseCiPreset(const std::string& text, std::string_view source) {
  Report report(config::Strictness::kCheck);
  Value root;
  std::shared_ptr<const CiPreset> preset;
  if (config::ParseYaml(text, source, /*with_lines=*/true, report, root)) {
    Value outer;
    outer.kind = Value::Kind::kMap;
    outer.place = root.place;
    outer.members.push_back({"", root.place, std::move(root)});
    preset = Reader(report, outer).Read();
  }
  if (preset != nullptr) return preset;
  std::string faults;
  for (const config::Problem& problem : report.Take()) {
    if (problem.severity == config::Severity::kError) faults += (faults.empty() ? "" : "\n") + problem.Text();
  }
  return Error(Errc::kInvalid, faults.empty() ? std::string(source) + ": is empty" : faults);
}

}  // namespace portcall::sinks
