#include "config/sections/endpoint.h"

#include <charconv>
#include <string>

#include "config/certificates.h"
#include "config/reader/address.h"
#include "config/reader/scalars.h"
#include "runtime/time.h"

namespace portcall::config {
namespace {

// For a key of another kind, an error that names the kind helps more than "unknown key".
void RefuseForeign(MapReader& section, const Kind& kind, KindTable kinds) {
  const auto takers = [kinds](std::string_view key) {
    std::string names;
    for (const Kind* taker : kinds) {
      if (taker->FindKey(key) != nullptr) names += (names.empty() ? "" : " or ") + std::string(taker->name());
    }
    return names;
  };
  const auto refuse = [&](const Key& key) {
    if (!section.Holds(key.name) || section.Asked(key.name)) return;
    section.Refuse(key.name,
                   "means nothing for type: " + std::string(kind.name()) +
                       (key.why.empty() ? "; it belongs to " + takers(key.name) : ": " + std::string(key.why)));
  };
  for (const Key& key : kind.traits().refused) refuse(key);
  for (const Kind* other : kinds) {
    for (const Keys& keys : other->traits().keys) {
      for (const Key& key : keys) {
        if (kind.FindKey(key.name) == nullptr) refuse(key);
      }
    }
  }
}

void ReadMaxRetries(MapReader& section, Endpoint& endpoint) {
  if (!section.Has("maxretries")) return;
  std::int64_t retries = -1;
  section.ReadWhole("maxretries", -1'000'000'000, 1'000'000'000, retries);
  if (retries == 0) section.Warn("maxretries", "0 means the default here as in GitLab's registry: no limit but maxage");
  if (retries > 0) endpoint.max_retries = static_cast<int>(retries);
}

void ReadRate(MapReader& section, Endpoint& endpoint) {
  const Value* rate = section.Get("ratelimit");
  if (rate == nullptr) return;
  double value = 0;
  const char* end = rate->text.data() + rate->text.size();
  const auto [stop, failure] = std::from_chars(rate->text.data(), end, value, std::chars_format::fixed);
  const bool number = rate->kind == Value::Kind::kScalar && !rate->quoted && failure == std::errc() && stop == end;
  if (!number || !(value == 0 || (value >= 0.001 && value <= 1e6))) {
    return section.Error("ratelimit", "is a number of requests a second from 0.001 to 1000000, 0 for no limit");
  }
  endpoint.rate_limit = value;
}

void ReadOneLine(MapReader& section, Endpoint& endpoint) {
  std::string order = "strict";
  section.ReadChoice("order", {"strict"}, order);
  endpoint.order = Order::kStrict;
  endpoint.max_age = Millis(0);
}

void ReadPolicy(MapReader& section, Endpoint& endpoint) {
  section.Read("timeout", endpoint.timeout);
  std::int64_t threshold = endpoint.threshold;
  section.ReadWhole("threshold", -1'000'000'000, 1'000'000'000, threshold);
  if (threshold > 0) endpoint.threshold = static_cast<int>(threshold);
  section.Read("backoff", endpoint.backoff);
  section.Read("maxbackoff", endpoint.max_backoff);
  if (endpoint.max_backoff < endpoint.backoff) {
    if (section.Has("maxbackoff")) {
      section.Error("maxbackoff", "is shorter than backoff (" + runtime::ShowDuration(endpoint.backoff) + ")");
    }
    endpoint.max_backoff = endpoint.backoff;
  }
  constexpr std::string_view kNothingDropped = "events wait on disk, and none is dropped to make room";
  section.Ignore("queuesizelimit", kNothingDropped);
  section.Ignore("queuepurgetimeout", "what is pending at shutdown stays on disk and is sent after the restart");
  if (endpoint.kind->traits().one_line) return ReadOneLine(section, endpoint);
  ReadMaxRetries(section, endpoint);
  section.Read("maxage", endpoint.max_age);
  section.Read("maxparked", 1, 1'000'000, endpoint.max_parked);
  ReadRate(section, endpoint);
  std::string order = "repository";
  section.ReadChoice("order", {"repository", "strict", "none"}, order);
  endpoint.order = order == "strict" ? Order::kStrict : order == "none" ? Order::kNone : Order::kRepository;
}

// `debounce` waits for later pushes that replace the first, so it means nothing without `collapse`.
void ReadCollapse(MapReader& section, Endpoint& endpoint) {
  section.Read("collapse", endpoint.collapse);
  if (!endpoint.collapse) endpoint.debounce = Millis(0);
  section.Read("debounce", endpoint.debounce, /*zero_counts=*/true);
  if (!endpoint.collapse && endpoint.debounce > Millis(0)) {
    section.Error("debounce", "waits for later pushes of a tag, which collapse: true lets replace the first");
  }
}

// Null when the type is unknown; then nobody knows what the other keys mean.
const Kind* ReadKind(MapReader& section, KindTable kinds) {
  std::vector<std::string_view> names;
  for (const Kind* kind : kinds) names.push_back(kind->name());
  std::string type(names.front());
  const std::size_t errors = section.report().errors();
  section.ReadChoice("type", names, type);
  return section.report().errors() == errors ? FindKind(kinds, type) : nullptr;
}

// Reads all keys of an entry. The kind reads its own before the shared ones, whose defaults it may change.
void ReadKeys(MapReader& section, KindTable kinds, Endpoint& endpoint) {
  section.Read("name", endpoint.name);
  section.Read("disabled", endpoint.disabled);
  section.Read("from", endpoint.from);
  if (endpoint.from != "latest" && endpoint.from != "earliest" && !runtime::ParseRfc3339(endpoint.from)) {
    section.Error("from", Quoted(endpoint.from) + "; it may be latest, earliest or a time like 2026-01-31T08:00:00Z");
  }
  section.Read("was", endpoint.was);
  endpoint.kind = ReadKind(section, kinds);
  if (endpoint.kind == nullptr) return section.AcceptAll();
  endpoint.kind->Read(section, endpoint);
  ReadPolicy(section, endpoint);
  ReadSelections(section, endpoint);
  if (endpoint.collapse && section.Has("order") && endpoint.order != Order::kRepository) {
    section.Error("order",
                  "pushes of a tag that wait replace each other, so the order is that of each tag: leave it out, "
                  "or write collapse: false");
  }
  RefuseForeign(section, *endpoint.kind, kinds);
}

}  // namespace

void ReadTlsFiles(MapReader& tls, Endpoint& endpoint) {
  tls.ReadFile("ca", endpoint.ca);
  tls.ReadFile("certificate", endpoint.certificate);
  tls.ReadFile("key", endpoint.key);
  if (endpoint.certificate.empty() != endpoint.key.empty()) {
    tls.Error(endpoint.key.empty() ? "certificate" : "key",
              "certificate and key belong together: " + std::string(endpoint.key.empty() ? "key" : "certificate") +
                  " is missing");
  }
  if (tls.report().known() == nullptr) {
    endpoint.tls_content = ContentOf(endpoint);
    const std::string why = endpoint.certificate.empty() ? "" : WhyExpired(endpoint.certificate);
    if (!why.empty()) tls.Warn("certificate", why);
  }
  tls.Read("insecureskipverify", endpoint.insecure_skip_verify);
  if (endpoint.insecure_skip_verify) {
    tls.Warn("insecureskipverify",
             "anybody between here and the receiver can read and change what is sent; name its CA in ca");
  }
  tls.Finish();
}

void ReadUrl(MapReader& entry, Endpoint& endpoint) {
  entry.Read("url", endpoint.url);
  if (!entry.HoldsText("url")) return;
  if (const std::string why = WhyBadUrl(endpoint.url); !why.empty()) entry.Error("url", why);
}

void ReadHttpKeys(MapReader& entry, Endpoint& endpoint) {
  entry.ReadHeaders("headers", endpoint.headers);
  entry.Read("concurrency", 1, 1024, endpoint.concurrency);
  entry.Read("batch", 1, 1000, endpoint.batch);
  if (endpoint.batch > 1) {
    entry.Error("batch", "requests of several events are not made yet: leave it out, or write 1");
  }
  entry.Read("maxretryafter", endpoint.max_retry_after);
  entry.Read("retryontimeout", endpoint.retry_on_timeout);
  ReadCollapse(entry, endpoint);
  MapReader tls = entry.Sub("tls");
  ReadTlsFiles(tls, endpoint);
}

Endpoint ReadEndpoint(MapReader& section, const std::string& source, KindTable kinds) {
  const std::size_t errors = section.report().errors();
  section.Record();
  section.RecordFact("source", source);
  Endpoint endpoint;
  endpoint.source = source;
  if (const auto hidden = section.PlaceOf("").hidden) endpoint.hidden = *hidden;
  ReadKeys(section, kinds, endpoint);
  endpoint.fingerprint = section.Fingerprint();
  const bool learning = section.report().known() != nullptr;
  if (section.report().errors() == errors && !endpoint.disabled && !learning) endpoint.kind->Check(section, endpoint);
  return endpoint;
}

}  // namespace portcall::config
