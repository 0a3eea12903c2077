#include <set>

#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

Config From(const std::string& lines) { return Good(Serve(kBase + lines)); }

TEST(Changes, EndpointsLogAndHeadersMayChange) {
  Config before = From("");
  Config after =
      Good(Serve("version: 0.1\nstorage: {filesystem: {rootdirectory: /tmp}}\n"
                 "http: {addr: ':5000', headers: {A: [b]}}\nlog: {level: debug, accesslog: {disabled: true}}\n"
                 "notifications: {endpoints: [{name: a, url: 'http://h/'}]}"));
  EXPECT_TRUE(NeedsRestart(before, after).empty());
}

TEST(Changes, WhatNeedsARestartIsNamed) {
  struct Case {
    const char *variable, *value, *key;
  };
  Config before = From("");
  for (const Case& c :
       {Case{"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/x", "storage.filesystem.rootdirectory"},
        Case{"REGISTRY_STORE_PATH", "/x", "store.path"}, Case{"REGISTRY_STORAGE_RESERVE", "1GiB", "storage.reserve"},
        Case{"REGISTRY_STORAGE_DELETE_ENABLED", "true", "storage.delete.enabled"},
        Case{"REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true", "storage.maintenance.readonly.enabled"},
        Case{"REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE", "5h", "storage.maintenance.uploadpurging"},
        Case{"REGISTRY_HTTP_ADDR", ":1", "http.addr"}, Case{"REGISTRY_HTTP_PREFIX", "/x/", "http.prefix"},
        Case{"REGISTRY_HTTP_TIMEOUTS_STALL", "1s", "http.timeouts"},
        Case{"REGISTRY_HTTP_MEMORY", "1GiB", "http.memory"}, Case{"REGISTRY_HTTP_DEBUG_ADDR", ":1", "http.debug.addr"},
        Case{"REGISTRY_NOTIFICATIONS_EVENTS_PULL", "off", "notifications.events"},
        Case{"REGISTRY_HEALTH_STORAGEDRIVER_ENABLED", "true", "health"},
        Case{"REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW", "[]", "validation"},
        Case{"REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMS", "none", "validation"},
        Case{"REGISTRY_CATALOG_MAXENTRIES", "5", "catalog.maxentries"}}) {
    Config after = Good(Serve(kBase, {{c.variable, c.value}}));
    EXPECT_EQ(NeedsRestart(before, after), std::vector<std::string>{c.key}) << c.variable;
    EXPECT_TRUE(NeedsRestart(after, after).empty());
  }
}

TEST(Fingerprint, ChangesWithEveryKeyAndOnlyThen) {
  auto fingerprint = [](const std::string& lines) {
    return Good(Serve(WithEndpoint(lines))).endpoints.at(0).fingerprint;
  };
  std::set<std::string> seen;
  const char* kLines[] = {"",
                          "timeout: 11s",
                          "threshold: 11",
                          "backoff: 2s",
                          "maxbackoff: 6m",
                          "maxretryafter: 2h",
                          "maxretries: 5",
                          "maxage: 1h",
                          "concurrency: 1",
                          "maxparked: 1",
                          "ratelimit: 1",
                          "order: none",
                          "retryontimeout: false",
                          "disabled: true",
                          "format: docker-v2",
                          "ignoredmediatypes: [a/b]",
                          "ignore: {actions: [pull]}",
                          "headers: {A: b}",
                          "headers: {A: [b, c]}",
                          "from: earliest",
                          "was: old",
                          "tls: {ca: /bin/true}",
                          "tls: {certificate: /bin/true, key: /bin/echo}",
                          "tls: {insecureskipverify: true}",
                          "format: cloudevents",
                          "images: true",
                          "collapse: true",
                          "collapse: true\ndebounce: 1s",
                          "hmac: {secret: a}",
                          "hmac: {secret: b}",
                          "hmac: {secret: b, header: X-B}",
                          "only: {actions: [pull]}",
                          "only: {kinds: [tag]}",
                          "ignore: {kinds: [tag]}",
                          "only: {repositories: [a]}",
                          "ignore: {repositories: [a]}",
                          "only: {tags: [a]}",
                          "ignore: {tags: [a]}",
                          "only: {mediatypes: [a/b]}",
                          "only: {actors: [a]}",
                          "ignore: {actors: [a]}"};
  for (const char* lines : kLines) {
    EXPECT_TRUE(seen.insert(fingerprint(lines)).second) << lines;
    EXPECT_EQ(fingerprint(lines), fingerprint(lines));
  }
  EXPECT_EQ(fingerprint("timeout: 10s"), fingerprint(""));
  EXPECT_EQ(fingerprint("ignoredmediatypes: [ab, c]") == fingerprint("ignoredmediatypes: [a, bc]"), false);
}

TEST(Fingerprint, IsOfWhatTheEntrySaysNotOfHowItIsWritten) {
  const auto fingerprints = [](const std::string& entries) {
    std::map<std::string, std::string> all;
    const std::string text = kBase + "notifications:\n  endpoints:\n" + entries;
    for (const Endpoint& endpoint : Good(Serve(text)).endpoints) all[endpoint.name] = endpoint.fingerprint;
    return all;
  };
  const auto before = fingerprints(R"(
    - {name: a, url: 'http://h/', timeout: 90s, headers: {B: x, A: [y, z]}, ignore: {actions: [pull]}}
    - {name: k, type: kafka, brokers: [h:1], topic: t, properties: {linger.ms: 5, client.id: c}, sasl: ~}
    - {name: c, type: ci, preset: gitlab, project: 4, token: t, variables: {A: a, B: b}}
)");
  EXPECT_EQ(before.size(), 3u);
  EXPECT_EQ(before, fingerprints(R"(
    # what was last is first
    - variables: {B: b, A: a}
      token: 't'
      project: 4
      preset: gitlab
      type: ci
      name: c
      collapse: true  # as it is anyway
    - {properties: {client.id: c, linger.ms: 5}, topic: t, brokers: [h:1], type: kafka, name: k, queuesizelimit: 5}
    - {headers: {A: [y, z], B: x}, timeout: 1m30s, ignore: {actions: [pull]}, url: "http://h/", name: a, backoff: }
)"));
  EXPECT_NE(before, fingerprints(R"(
    - {name: a, url: 'http://h/', timeout: 90s, headers: {B: x, A: [z, y]}, ignore: {actions: [pull]}}
    - {name: k, type: kafka, brokers: [h:1], topic: t, properties: {linger.ms: 5, client.id: c}}
    - {name: c, type: ci, preset: gitlab, project: 4, token: t, variables: {A: a, B: b}}
)"));
}

TEST(Fingerprint, KnowsWhatVariablesSet) {
  const auto fingerprint = [](const Environment& environment) {
    return Good(Serve(WithEndpoint("threshold: 5"), environment)).endpoints.at(0).fingerprint;
  };
  EXPECT_NE(fingerprint({}), fingerprint({{"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_THRESHOLD", "6"}}));
  EXPECT_EQ(fingerprint({}), fingerprint({{"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_THRESHOLD", "5"}}));
}

TEST(Fingerprint, OfAnAuditLogFollowsWhoTakesItsCheckpoints) {
  const auto fingerprint = [](const std::string& more) {
    const std::string audit = "notifications:\n  endpoints:\n    - {name: a, type: audit, directory: /x}\n";
    return Good(Serve(kBase + audit + more)).endpoints.at(0).fingerprint;
  };
  const std::string other = "    - {name: b, url: 'http://h/', format: cloudevents",
                    taker = ", only: {actions: [checkpoint]}";
  EXPECT_EQ(fingerprint(""), fingerprint(other + "}\n"));
  EXPECT_NE(fingerprint(""), fingerprint(other + taker + "}\n"));
  EXPECT_EQ(fingerprint(""), fingerprint(other + taker + ", disabled: true}\n"));
}

TEST(Fingerprint, ChangesWithEveryKeyOfAType) {
  std::set<std::string> seen;
  const auto differ = [&](const std::string& base, std::initializer_list<const char*> lines) {
    for (const char* more : lines) {
      const Config config = Good(Serve(WithEntry(base + more)));
      ASSERT_EQ(config.endpoints.size(), 1u);
      EXPECT_TRUE(seen.insert(config.endpoints[0].fingerprint).second) << base << more;
    }
  };
  differ("type: kafka\n", {"brokers: h:1\ntopic: t", "brokers: h:2\ntopic: t", "brokers: h:1\ntopic: u"});
  differ("type: kafka\nbrokers: h:1\ntopic: t\n",
         {"key: a", "deadlettertopic: d", "compression: lz4", "tls: {}",
          "sasl: {mechanism: SCRAM-SHA-256, username: u, password: p}",
          "sasl: {mechanism: SCRAM-SHA-512, username: u, password: p}",
          "sasl: {mechanism: SCRAM-SHA-512, username: v, password: p}",
          "sasl: {mechanism: SCRAM-SHA-512, username: v, password: q}", "properties: {linger.ms: 5}",
          "properties: {linger.ms: 6}", "properties: {linger.ms: 6, client.id: a}"});
  differ("type: ci\npreset: gitlab\nurl: http://h\nproject: 4\n",
         {"token: a", "token: b", "token: b\nref: c", "token: b\nvariables: {A: a}", "token: b\nvariables: {A: b}",
          "token: b\nroutes: [{repositories: a}]", "token: b\nroutes: [{repositories: a, ref: b}]"});
  differ("type: audit\n", {"directory: /x", "directory: /y"});
  differ("type: audit\ndirectory: /x\n",
         {"format: ecs", "key: /bin/true", "origin: o", "checkpoint: {records: 5}", "checkpoint: {interval: 5s}",
          "rotate: {size: 1M}", "rotate: {interval: 5s}", "compress: false", "keep: 5h"});
}

}  // namespace
}  // namespace portcall::config
