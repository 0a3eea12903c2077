#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "config/address.h"
#include "config/sections.h"
#include "config/values.h"

namespace portcall::config {
namespace {

constexpr std::uint64_t kLeastLog = 16ull << 20;

// `20%` of the volume, or a size.
void ReadMaxSize(Section& section, EventsConfig& events) {
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

void ReadEvents(Section& notifications, EventsConfig& events) {
  Section section = notifications.Sub("events");
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

void ReadFilters(Section& section, Endpoint& endpoint) {
  section.Read("ignoredmediatypes", endpoint.ignore_media_types);
  Section ignore = section.Sub("ignore");
  std::vector<std::string> more;
  ignore.Read("mediatypes", more);
  for (std::string& type : more) {
    auto& types = endpoint.ignore_media_types;
    if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(std::move(type));
  }
  ignore.Read("actions", endpoint.ignore_actions);
  constexpr std::array<std::string_view, 4> kActions{"pull", "push", "mount", "delete"};
  for (const std::string& action : endpoint.ignore_actions) {
    if (std::find(kActions.begin(), kActions.end(), action) != kActions.end()) continue;
    std::string_view near = Nearest(action, kActions);
    ignore.Error("actions", Quoted(action) + " is no action: pull, push, mount, delete" +
                                (near.empty() ? "" : "; did you mean " + std::string(near) + "?"));
  }
  ignore.Finish();
}

void ReadMaxRetries(Section& section, Endpoint& endpoint) {
  if (!section.Has("maxretries")) return;
  std::int64_t retries = -1;
  section.ReadWhole("maxretries", -1'000'000'000, 1'000'000'000, retries);
  if (retries == 0) section.Warn("maxretries", "0 means the default here as in GitLab's registry: no limit but maxage");
  if (retries > 0) endpoint.max_retries = static_cast<int>(retries);
}

void ReadPolicy(Section& section, Endpoint& endpoint) {
  section.Read("timeout", endpoint.timeout);
  std::int64_t threshold = endpoint.threshold;
  section.ReadWhole("threshold", -1'000'000'000, 1'000'000'000, threshold);
  if (threshold > 0) endpoint.threshold = static_cast<int>(threshold);
  section.Read("backoff", endpoint.backoff);
  section.Read("maxbackoff", endpoint.max_backoff);
  if (endpoint.max_backoff < endpoint.backoff) {
    if (section.Has("maxbackoff")) {
      section.Error("maxbackoff", "is shorter than backoff (" + ShowDuration(endpoint.backoff) + ")");
    }
    endpoint.max_backoff = endpoint.backoff;
  }
  ReadMaxRetries(section, endpoint);
  section.Read("maxage", endpoint.max_age);
  section.Read("maxretryafter", endpoint.max_retry_after);
  section.Read("concurrency", 1, 1024, endpoint.concurrency);
  section.Read("maxparked", 1, 1'000'000, endpoint.max_parked);
  section.Read("batch", 1, 1000, endpoint.batch);
  if (endpoint.batch > 1)
    section.Error("batch", "requests of several events are not made yet: leave it out, or write 1");
  if (const Value* rate = section.Get("ratelimit")) {
    double value = 0;
    auto end = rate->text.data() + rate->text.size();
    auto [stop, failure] = std::from_chars(rate->text.data(), end, value, std::chars_format::fixed);
    bool number = rate->kind == Value::Kind::kScalar && !rate->quoted && failure == std::errc() && stop == end;
    if (!number || !(value >= 0 && value <= 1e6)) {
      section.Error("ratelimit", "is a number of requests a second, 0 for no limit");
    } else {
      endpoint.rate_limit = value;
    }
  }
  std::string order = "repository";
  section.ReadChoice("order", {"repository", "strict", "none"}, order);
  endpoint.order = order == "strict" ? Order::kStrict : order == "none" ? Order::kNone : Order::kRepository;
  section.Read("retryontimeout", endpoint.retry_on_timeout);
  constexpr std::string_view kNothingDropped = "events wait on disk, and none is dropped to make room";
  section.Ignore("queuesizelimit", kNothingDropped);
  section.Ignore("queuepurgetimeout", "what is pending at shutdown stays on disk and is sent after the restart");
}

void ReadUrl(Section& section, Endpoint& endpoint) {
  section.Read("url", endpoint.url);
  const Value* node = section.Get("url");
  if (node == nullptr) return section.Error("url", "is missing: write url: https://host/path");
  if (node->kind != Value::Kind::kScalar) return;
  if (std::string why = WhyBadUrl(endpoint.url); !why.empty()) section.Error("url", why);
}

void ReadTls(Section& section, Endpoint& endpoint) {
  Section tls = section.Sub("tls");
  tls.ReadFile("ca", endpoint.ca);
  tls.ReadFile("certificate", endpoint.certificate);
  tls.ReadFile("key", endpoint.key);
  if (endpoint.certificate.empty() != endpoint.key.empty()) {
    tls.Error(endpoint.key.empty() ? "certificate" : "key",
              "certificate and key belong together: " + std::string(endpoint.key.empty() ? "key" : "certificate") +
                  " is missing");
  }
  tls.Read("insecureskipverify", endpoint.insecure_skip_verify);
  if (endpoint.insecure_skip_verify) {
    tls.Warn("insecureskipverify",
             "anybody between here and the receiver can read and change what is sent; name its CA in ca");
  }
  tls.Finish();
}

Endpoint ReadEndpoint(Section& section) {
  Endpoint endpoint;
  section.Read("name", endpoint.name);
  section.Read("disabled", endpoint.disabled);
  section.ReadChoice("type", {"webhook"}, endpoint.type);
  section.ReadChoice("format", {"docker-v1", "docker-v2"}, endpoint.format);
  ReadUrl(section, endpoint);
  section.ReadHeaders("headers", endpoint.headers);
  ReadPolicy(section, endpoint);
  ReadFilters(section, endpoint);
  section.Read("from", endpoint.from);
  if (endpoint.from != "latest" && endpoint.from != "earliest" && !IsRfc3339(endpoint.from)) {
    section.Error("from", Quoted(endpoint.from) + "; it may be latest, earliest or a time like 2026-01-31T08:00:00Z");
  }
  section.Read("was", endpoint.was);
  ReadTls(section, endpoint);
  return endpoint;
}

// The name is an endpoint's identity: cursor, dead letters and metrics hang on it.
void CheckName(Section& section, const Endpoint& endpoint, std::set<std::string>& names) {
  const std::string& name = endpoint.name;
  if (name.empty()) {
    std::string host = HostOfUrl(endpoint.url);
    return section.Error("name", "is missing, and the backlog is kept by it: write name: " +
                                     (host.empty() ? std::string("a-word-of-your-own") : host));
  }
  bool printable =
      std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  if (name.size() > 128 || !printable) {
    return section.Error("name", "has at most 128 bytes and no control characters");
  }
  if (!names.insert(name).second) {
    section.Error("name", Quoted(name) + " is taken by an endpoint above: write another, like " + name + "-2");
  }
}

void CheckFormerNames(Section& section, const std::vector<Endpoint>& endpoints, const std::set<std::string>& names) {
  std::set<std::string> former;
  for (const Endpoint& endpoint : endpoints) {
    if (endpoint.was.empty()) continue;
    if (names.contains(endpoint.was)) {
      section.Error("endpoints", "was: " + Quoted(endpoint.was) + " is the name of an endpoint in this file");
    } else if (!former.insert(endpoint.was).second) {
      section.Error("endpoints", "was: " + Quoted(endpoint.was) + " stands at two endpoints; only one can take over");
    }
  }
}

}  // namespace

void ReadNotifications(Section& root, EventsConfig& events, std::vector<Endpoint>& endpoints) {
  Section section = root.Sub("notifications", UnknownKeys::kRefused);
  ReadEvents(section, events);
  std::set<std::string> names;
  bool other_order = false;
  section.ForEach("endpoints", [&](Section& entry) {
    endpoints.push_back(ReadEndpoint(entry));
    CheckName(entry, endpoints.back(), names);
    other_order = other_order || (!entry.Has("order") && !entry.Has("concurrency"));
  });
  CheckFormerNames(section, endpoints, names);
  section.Ignore("fanouttimeout", "an event is on disk before the push is answered, and survives a stop");
  section.Finish();
  if (other_order && root.report().strictness() == Strictness::kCheck) {
    section.Warn("endpoints",
                 "events of one repository go in order, repositories side by side (order: repository, "
                 "concurrency: 32); Distribution sent one at a time (order: strict, concurrency: 1)");
  }
}

}  // namespace portcall::config
