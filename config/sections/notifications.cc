#include <algorithm>
#include <set>

#include "config/reader/address.h"
#include "config/reader/scalars.h"
#include "config/sections/endpoint.h"
#include "config/sections/sections.h"
#include "runtime/http/url.h"
#include "runtime/text.h"

namespace portcall::config {
namespace {

constexpr std::uint64_t kLeastLog = 16ull << 20;

// `20%` of the volume, or a size.
void ReadMaxSize(MapReader& section, EventsConfig& events) {
  const Value* node = section.Get("maxsize");
  if (node == nullptr) return;
  if (node->kind != Value::Kind::kScalar || !node->text.ends_with('%')) {
    return section.ReadSize("maxsize", kLeastLog, events.max_bytes);
  }
  auto percent = ParseWhole(std::string_view(node->text).substr(0, node->text.size() - 1));
  if (!percent || *percent < 1 || *percent > 90) {
    return section.Error("maxsize", Quoted(node->text) + ": a share of the volume is between 1% and 90%");
  }
  events.max_percent = static_cast<int>(*percent);
}

void ReadEvents(MapReader& notifications, EventsConfig& events) {
  MapReader section = notifications.Sub("events");
  section.Read("includereferences", events.include_references);
  std::string pull = "relaxed";
  const Value* node = section.Get("pull");
  if (node != nullptr && !node->quoted && ParseFlag(node->text) == false) {
    pull = "off";  // some tools write YAML's `off` back as false
  } else {
    section.ReadChoice("pull", {"durable", "relaxed", "off"}, pull);
  }
  events.pull = pull == "durable" ? PullEvents::kDurable : pull == "off" ? PullEvents::kOff : PullEvents::kRelaxed;
  Millis keep = events.keep;
  section.Read("keep", keep, /*zero_counts=*/true);
  events.keep = std::chrono::ceil<std::chrono::seconds>(keep);
  ReadMaxSize(section, events);
  std::string on_full = "expire";
  section.ReadChoice("onfull", {"expire", "refuse"}, on_full);
  events.on_full = on_full == "refuse" ? OnFull::kRefuse : OnFull::kExpire;
  section.Finish();
}

constexpr const char* kNoName = "has at most 128 bytes and no control characters";
bool MayBeName(std::string_view name) { return name.size() <= 128 && !runtime::HasControl(name); }

// The name is an endpoint's identity: its cursor, dead letters and metrics are kept under it.
void CheckName(MapReader& section, const Endpoint& endpoint, std::set<std::string>& names) {
  const std::string& name = endpoint.name;
  if (name.empty()) {
    std::string host = HostOfUrl(endpoint.url);
    return section.Error("name", "is missing, and the backlog is kept by it: write name: " +
                                     (host.empty() ? std::string("a-word-of-your-own") : host));
  }
  if (!MayBeName(name)) return section.Error("name", kNoName);
  if (!names.insert(name).second) {
    section.Error("name", Quoted(name) + " is taken by an endpoint above: write another, like " + name + "-2");
  }
}

void CheckFormerNames(MapReader& section, const std::vector<Endpoint>& endpoints, const std::set<std::string>& names) {
  std::set<std::string> former;
  for (const Endpoint& endpoint : endpoints) {
    if (endpoint.was.empty()) continue;
    if (!MayBeName(endpoint.was)) {
      section.Error("endpoints", "was: " + Quoted(endpoint.was) + " was never a name: one " + kNoName);
    } else if (names.contains(endpoint.was)) {
      section.Error("endpoints", "was: " + Quoted(endpoint.was) + " is the name of an endpoint in this file");
    } else if (!former.insert(endpoint.was).second) {
      section.Error("endpoints", "was: " + Quoted(endpoint.was) + " stands at two endpoints; only one can take over");
    }
  }
}

// The registry's name in what is published. It must stay the same, so it is never the name of a host or a pod.
void ReadSource(MapReader& section, Config& config) {
  if (const auto host = http::ParseUrl(config.http.host)) config.source = host->host_header();
  section.Read("source", config.source);
  if (!section.Has("source")) return;
  const std::string& source = config.source;
  const bool plain = std::ranges::all_of(source, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  if (source.find("://") != std::string::npos) {
    section.Error("source", "is a URL: write the name alone, like registry.example.com");
  } else if (source.find_first_of("/?#@") != std::string::npos) {
    section.Error("source", Quoted(source) + " is more than a name: write it like registry.example.com");
  } else if (source.empty() || source.size() > 255 || !plain) {
    section.Error("source", Quoted(source) + " is no name: write it like registry.example.com");
  }
}

void CheckSources(MapReader& section, const Config& config) {
  if (!config.source.empty() || section.report().strictness() != Strictness::kCheck) return;
  std::string names;
  for (const Endpoint& endpoint : config.endpoints) {
    if (endpoint.sends_source) names += (names.empty() ? "" : ", ") + Quoted(endpoint.name);
  }
  if (names.empty()) return;
  section.Warn("source", "is missing, and so is http.host: what " + names +
                             " gets does not say which registry it is from; write source: registry.example.com");
}

}  // namespace

void ReadNotifications(MapReader& root, KindTable kinds, Config& config) {
  MapReader section = root.Sub("notifications", UnknownKeys::kRefused);
  ReadEvents(section, config.events);
  ReadSource(section, config);
  std::vector<Endpoint>& endpoints = config.endpoints;
  std::set<std::string> names;
  bool other_order = false;
  section.ForEach("endpoints", [&](MapReader& entry) {
    endpoints.push_back(ReadEndpoint(entry, config.source, kinds));
    CheckName(entry, endpoints.back(), names);
    const bool theirs = endpoints.back().kind == kinds.front();
    other_order = other_order || (theirs && !entry.Has("order") && !entry.Has("concurrency"));
  });
  CheckFormerNames(section, endpoints, names);
  for (const Kind* kind : kinds) kind->Compare(section, endpoints);
  CheckSources(section, config);
  section.Ignore("fanouttimeout", "an event is on disk before the push is answered, and survives a stop");
  section.Finish();
  if (other_order && root.report().strictness() == Strictness::kCheck) {
    section.Warn("endpoints",
                 "events of one repository go in order, repositories side by side (order: repository, "
                 "concurrency: 32); Distribution sent one at a time (order: strict, concurrency: 1)");
  }
}

// `audit: strict`, or a map.
void ReadAuditPolicy(MapReader& root, KindTable kinds, Config& config) {
  AuditPolicy& audit = config.audit;
  const Value* node = root.Get("audit");
  if (node == nullptr) return;
  if (node->kind == Value::Kind::kScalar) {
    std::string word;
    root.ReadChoice("audit", {"strict"}, word);
    audit.strict = word == "strict";
  } else {
    MapReader section = root.Sub("audit", UnknownKeys::kRefused);
    section.Read("strict", audit.strict);
    section.Read("refused", audit.refused);
    section.Finish();
  }
  if (audit.strict && config.events.pull == PullEvents::kOff) {
    root.Error("audit", "strict records every request, and notifications.events.pull: off records no pull");
  }
  const bool taken = config.audits() || std::ranges::any_of(config.endpoints, [](const Endpoint& endpoint) {
                       return !endpoint.disabled && AsksFor(endpoint, "refused");
                     });
  const auto auditor = std::ranges::find_if(kinds, [](const Kind* kind) { return kind->traits().audits; });
  if (audit.refused && !taken && auditor != kinds.end() && root.report().strictness() == Strictness::kCheck) {
    root.Warn("audit", "refused requests are recorded, and no endpoint takes them: add one with type: " +
                           std::string((*auditor)->name()));
  }
}

}  // namespace portcall::config
