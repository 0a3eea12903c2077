#include "config/endpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "config/address.h"
#include "config/ci_preset.h"
#include "config/values.h"
#include "runtime/http/message.h"
#include "runtime/time.h"

namespace portcall::config {
namespace {

// The types for which a key means something, by their initials.
struct TypedKey {
  std::string_view key, types, why;
};
constexpr std::string_view kOnlyHttp = "only HTTP requests have it";
constexpr std::string_view kOneByOne = "every event becomes a record of its own";
constexpr std::array<TypedKey, 32> kTypedKeys{{
    {"url", "wc", "only HTTP requests go to a URL"},
    {"headers", "wc", kOnlyHttp},
    {"hmac", "w", ""},
    {"format", "wka", "the preset makes the request"},
    {"concurrency", "wc", "events follow each other without waiting"},
    {"batch", "wc", kOneByOne},
    {"maxretryafter", "wc", "only HTTP answers ask for a delay"},
    {"retryontimeout", "wc", "what is sent again has the same id"},
    {"debounce", "wc", kOneByOne},
    {"collapse", "wc", kOneByOne},
    {"images", "wck", "an audit log is not for images alone"},
    {"ratelimit", "wck", ""},
    {"maxparked", "wck", "there is one lane"},
    {"maxage", "wck", "no record is given up"},
    {"maxretries", "wck", "no record is given up"},
    {"tls", "wck", "it is written to a local folder"},
    {"brokers", "k", ""},
    {"topic", "k", ""},
    {"deadlettertopic", "k", ""},
    {"compression", "k", ""},
    {"sasl", "k", ""},
    {"properties", "k", ""},
    {"key", "ka", ""},
    {"preset", "c", ""},
    {"variables", "c", ""},
    {"routes", "c", ""},
    {"directory", "a", ""},
    {"origin", "a", ""},
    {"checkpoint", "a", ""},
    {"rotate", "a", ""},
    {"compress", "a", ""},
    {"keep", "a", ""},
}};

std::string TypesOf(std::string_view initials) {
  std::string names;
  for (std::string_view type : {"webhook", "kafka", "ci", "audit"}) {
    if (initials.find(type.front()) != std::string_view::npos)
      names += (names.empty() ? "" : " or ") + std::string(type);
  }
  return names;
}

// Keys of another type say more than an unknown key would.
void RefuseForeign(Section& section, const Endpoint& endpoint) {
  for (const TypedKey& typed : kTypedKeys) {
    if (typed.types.find(endpoint.type.front()) != std::string_view::npos) continue;
    if (section.node()->Find(typed.key) == nullptr) continue;
    const bool word = endpoint.ci && endpoint.ci->definition && endpoint.ci->definition->FindWord(typed.key) != nullptr;
    if (word) continue;
    std::string why = "means nothing for type: " + endpoint.type;
    why += typed.why.empty() ? "; it belongs to " + TypesOf(typed.types) : ": " + std::string(typed.why);
    section.Refuse(typed.key, why);
  }
}

void ReadMaxRetries(Section& section, Endpoint& endpoint) {
  if (!section.Has("maxretries")) return;
  std::int64_t retries = -1;
  section.ReadWhole("maxretries", -1'000'000'000, 1'000'000'000, retries);
  if (retries == 0) section.Warn("maxretries", "0 means the default here as in GitLab's registry: no limit but maxage");
  if (retries > 0) endpoint.max_retries = static_cast<int>(retries);
}

void ReadRate(Section& section, Endpoint& endpoint) {
  const Value* rate = section.Get("ratelimit");
  if (rate == nullptr) return;
  double value = 0;
  const char* end = rate->text.data() + rate->text.size();
  const auto [stop, failure] = std::from_chars(rate->text.data(), end, value, std::chars_format::fixed);
  const bool number = rate->kind == Value::Kind::kScalar && !rate->quoted && failure == std::errc() && stop == end;
  if (!number || !(value >= 0 && value <= 1e6)) {
    return section.Error("ratelimit", "is a number of requests a second, 0 for no limit");
  }
  endpoint.rate_limit = value;
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
      section.Error("maxbackoff", "is shorter than backoff (" + runtime::ShowDuration(endpoint.backoff) + ")");
    }
    endpoint.max_backoff = endpoint.backoff;
  }
  ReadMaxRetries(section, endpoint);
  section.Read("maxage", endpoint.max_age);
  constexpr std::string_view kNothingDropped = "events wait on disk, and none is dropped to make room";
  section.Ignore("queuesizelimit", kNothingDropped);
  section.Ignore("queuepurgetimeout", "what is pending at shutdown stays on disk and is sent after the restart");
  if (endpoint.type == "audit") return;
  section.Read("maxparked", 1, 1'000'000, endpoint.max_parked);
  ReadRate(section, endpoint);
  std::string order = "repository";
  section.ReadChoice("order", {"repository", "strict", "none"}, order);
  endpoint.order = order == "strict" ? Order::kStrict : order == "none" ? Order::kNone : Order::kRepository;
}

// A push that waits for `debounce` is one that later ones may replace.
void ReadCollapse(Section& section, Endpoint& endpoint) {
  section.Read("collapse", endpoint.collapse);
  if (endpoint.collapse && endpoint.type == "ci") endpoint.debounce = Millis(5'000);
  section.Read("debounce", endpoint.debounce, /*zero_counts=*/true);
  if (!endpoint.collapse && endpoint.debounce > Millis(0)) {
    section.Error("debounce", "waits for later pushes of a tag, which collapse: true lets replace the first");
  }
}

// What only HTTP requests have.
void ReadHttpKeys(Section& section, Endpoint& endpoint) {
  section.ReadHeaders("headers", endpoint.headers);
  section.Read("concurrency", 1, 1024, endpoint.concurrency);
  section.Read("batch", 1, 1000, endpoint.batch);
  if (endpoint.batch > 1) {
    section.Error("batch", "requests of several events are not made yet: leave it out, or write 1");
  }
  section.Read("maxretryafter", endpoint.max_retry_after);
  section.Read("retryontimeout", endpoint.retry_on_timeout);
  ReadCollapse(section, endpoint);
  Section tls = section.Sub("tls");
  ReadTlsFiles(tls, endpoint);
}

void ReadUrl(Section& section, Endpoint& endpoint) {
  section.Read("url", endpoint.url);
  const Value* node = section.Get("url");
  if (node == nullptr) return section.Error("url", "is missing: write url: https://host/path");
  if (node->kind != Value::Kind::kScalar) return;
  if (std::string why = WhyBadUrl(endpoint.url); !why.empty()) section.Error("url", why);
}

void ReadHmac(Section& section, Endpoint& endpoint) {
  Section hmac = section.Sub("hmac");
  if (hmac.node() == nullptr) return;
  hmac.Read("secret", endpoint.hmac_secret);
  hmac.Read("header", endpoint.hmac_header);
  if (endpoint.hmac_secret.empty()) hmac.Error("secret", "is missing");
  if (const std::string why = WhyBadHeaderName(endpoint.hmac_header); !why.empty()) hmac.Error("header", why);
  const bool twice = std::ranges::any_of(
      endpoint.headers, [&](const auto& header) { return http::EqualsIgnoreCase(header.first, endpoint.hmac_header); });
  if (twice) hmac.Error("header", Quoted(endpoint.hmac_header) + " stands in headers too");
  hmac.Finish();
}

void ReadWebhook(Section& section, Endpoint& endpoint) {
  section.ReadChoice(
      "format",
      {"docker-v1", "docker-v2", "cloudevents", "cloudevents-structured", "harbor", "dockerhub", "quay", "acr", "keel"},
      endpoint.format);
  ReadUrl(section, endpoint);
}

void ReadType(Section& section, Endpoint& endpoint) {
  if (endpoint.type == "kafka") {
    ReadKafka(section, endpoint);
  } else if (endpoint.type == "ci") {
    ReadCi(section, endpoint);
  } else if (endpoint.type == "audit") {
    ReadAudit(section, endpoint);
  } else {
    ReadWebhook(section, endpoint);
  }
}

// False: it is unknown, and so is what the other keys mean.
bool ReadTypeName(Section& section, Endpoint& endpoint) {
  std::string type;
  section.ReadChoice("type", {"webhook", "kafka", "ci", "audit"}, type);
  if (section.Has("type") && type.empty()) {
    for (const Member& member : section.node()->members) section.Accept(member.key);
    return false;
  }
  if (!type.empty()) endpoint.type = type;
  return true;
}

}  // namespace

void ReadTlsFiles(Section& tls, Endpoint& endpoint) {
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

Endpoint ReadEndpoint(Section& section, const std::string& source) {
  Endpoint endpoint;
  endpoint.source = source;
  section.Read("name", endpoint.name);
  section.Read("disabled", endpoint.disabled);
  section.Read("from", endpoint.from);
  if (endpoint.from != "latest" && endpoint.from != "earliest" && !runtime::ParseRfc3339(endpoint.from)) {
    section.Error("from", Quoted(endpoint.from) + "; it may be latest, earliest or a time like 2026-01-31T08:00:00Z");
  }
  section.Read("was", endpoint.was);
  if (!ReadTypeName(section, endpoint)) return endpoint;
  ReadType(section, endpoint);
  if (endpoint.type == "webhook" || endpoint.type == "ci") ReadHttpKeys(section, endpoint);
  if (endpoint.type == "webhook") ReadHmac(section, endpoint);
  ReadPolicy(section, endpoint);
  ReadSelections(section, endpoint);
  if (endpoint.collapse && section.Has("order") && endpoint.order != Order::kRepository) {
    section.Error("order",
                  "pushes of a tag that wait replace each other, so the order is that of each tag: leave it out, "
                  "or write collapse: false");
  }
  RefuseForeign(section, endpoint);
  return endpoint;
}

}  // namespace portcall::config
