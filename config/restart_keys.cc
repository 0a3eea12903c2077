#include "config/restart_keys.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace portcall::config {
namespace {

auto Identity(const HealthCheck& check) {
  return std::tie(check.kind, check.target, check.headers, check.status, check.interval, check.timeout,
                  check.threshold);
}

bool SameHealth(const Config& a, const Config& b) {
  return std::equal(a.health.begin(), a.health.end(), b.health.begin(), b.health.end(),
                    [](const HealthCheck& x, const HealthCheck& y) { return Identity(x) == Identity(y); });
}

}  // namespace

std::vector<std::string> NeedsRestart(const Config& before, const Config& after) {
  std::vector<std::string> keys;
  auto compare = [&keys](std::string_view key, const auto& a, const auto& b) {
    if (a != b) keys.emplace_back(key);
  };
  const StorageConfig &s = before.storage, &t = after.storage;
  compare("storage.filesystem.rootdirectory", s.root_directory, t.root_directory);
  compare("store.path", s.database, t.database);
  compare("storage.reserve", s.reserve_bytes, t.reserve_bytes);
  compare("storage.delete.enabled", s.delete_enabled, t.delete_enabled);
  compare("storage.maintenance.readonly.enabled", s.read_only, t.read_only);
  auto purging = [](const StorageConfig& c) {
    return std::tie(c.upload_purging, c.upload_purging_dry_run, c.upload_age, c.upload_purge_interval);
  };
  compare("storage.maintenance.uploadpurging", purging(s), purging(t));

  const HttpConfig &h = before.http, &g = after.http;
  compare("http.addr", h.addr, g.addr);
  compare("http.host", h.host, g.host);
  compare("http.prefix", h.prefix, g.prefix);
  compare("http.secret", h.secret, g.secret);
  compare("http.relativeurls", h.relative_urls, g.relative_urls);
  compare("http.draintimeout", h.drain_timeout, g.drain_timeout);
  compare("http.timeouts", h.timeouts, g.timeouts);
  compare("http.memory", h.memory_bytes, g.memory_bytes);
  compare("http.tls", h.tls.enabled(), g.tls.enabled());
  compare("http.tls.certificate", h.tls.certificate, g.tls.certificate);
  compare("http.tls.key", h.tls.key, g.tls.key);
  auto tls = [](const TlsConfig& c) { return std::tie(c.minimum, c.cipher_suites, c.client_cas); };
  compare("http.tls.{minimumtls,ciphersuites,clientcas}", tls(h.tls), tls(g.tls));
  compare("http.debug.addr", h.debug.addr, g.debug.addr);
  auto prometheus = [](const DebugConfig& c) { return std::tie(c.prometheus, c.prometheus_path); };
  compare("http.debug.prometheus", prometheus(h.debug), prometheus(g.debug));
  compare("http.trustedproxies", h.trusted_proxies, g.trusted_proxies);

  auto events = [](const EventsConfig& c) {
    return std::tie(c.include_references, c.pull, c.keep, c.max_bytes, c.max_percent, c.on_full);
  };
  compare("notifications.events", events(before.events), events(after.events));
  if (!SameHealth(before, after)) keys.emplace_back("health");
  compare("catalog.maxentries", before.catalog_max_entries, after.catalog_max_entries);
  compare("tags.maxtags", before.tags_max, after.tags_max);
  compare("validation", before.validation, after.validation);
  return keys;
}

}  // namespace portcall::config
