#include <fstream>

#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

// kBase without the line that a case replaces.
std::string Without(const std::string& key) {
  std::string text = kBase;
  std::size_t at = text.find(key + ":");
  return text.erase(at, text.find('\n', at) + 1 - at);
}

TEST(Sections, DefaultsAreDistributionsOrBetter) {
  Config config = Good(Serve(kBase));
  EXPECT_EQ(config.log.level, "info");
  EXPECT_TRUE(config.log.access_log);
  EXPECT_EQ(config.storage.root_directory, "/tmp");
  EXPECT_EQ(config.storage.reserve_bytes, 256u << 20);
  EXPECT_FALSE(config.storage.delete_enabled);
  EXPECT_TRUE(config.storage.upload_purging);
  EXPECT_EQ(config.http.prefix, "/");
  EXPECT_EQ(config.http.drain_timeout, Millis(25'000));
  EXPECT_EQ(config.http.timeouts.idle, std::chrono::seconds(620));
  EXPECT_EQ(config.http.timeouts.stall, std::chrono::minutes(5));
  EXPECT_EQ(config.http.timeouts.head, std::chrono::seconds(60));
  EXPECT_EQ(config.http.trusted_proxies.size(), 6u);
  EXPECT_TRUE(config.http.secret.empty());
  EXPECT_EQ(config.events.pull, PullEvents::kRelaxed);
  EXPECT_EQ(config.events.max_percent, 20);
  EXPECT_EQ(config.catalog_max_entries, 1000u);
  EXPECT_TRUE(config.endpoints.empty());
}

TEST(Sections, AFullFileArrives) {
  Loaded loaded = Check(R"(version: 0.1
log:
  level: debug
  formatter: json
  fields: {service: registry, environment: staging}
  accesslog: {disabled: true}
store: {path: /srv/p.db}
storage:
  filesystem: {rootdirectory: /srv}
  cache: {blobdescriptor: inmemory}
  delete: {enabled: true}
  redirect: {disable: true}
  reserve: 1GiB
  maintenance:
    uploadpurging: {enabled: false, age: 90m, interval: 12h, dryrun: true}
    readonly: {enabled: true}
http:
  addr: localhost:5000
  host: https://registry.example.com/
  prefix: /my/nested
  secret: hunter2
  relativeurls: true
  draintimeout: 0
  timeouts: {idle: 90s, stall: 2m, head: 5s}
  memory: 300MiB
  headers: {X-Content-Type-Options: [nosniff]}
  debug: {addr: "localhost:5001", prometheus: {enabled: true, path: /m}}
  trustedproxies: [10.1.0.0/16, 192.0.2.1]
health:
  storagedriver: {enabled: true, interval: 5s, threshold: 3}
  file: [{file: /tmp/down, interval: 1s}]
  http: [{uri: "http://h/", statuscode: 204, timeout: 2s, headers: {A: b}}]
  tcp: [{addr: "h:80", threshold: 2}]
catalog: {maxentries: 50}
tags: {maxtags: 60}
validation: {manifests: {urls: {allow: [".*"]}}}
)");
  Config config = Good(loaded);
  EXPECT_EQ(config.log.level, "debug");
  EXPECT_EQ(config.log.formatter, "json");
  EXPECT_EQ(config.log.fields.at("environment"), "staging");
  EXPECT_FALSE(config.log.access_log);
  EXPECT_EQ(config.storage.database, "/srv/p.db");
  EXPECT_EQ(config.storage.root_directory, "/srv");
  EXPECT_TRUE(config.storage.delete_enabled);
  EXPECT_TRUE(config.storage.read_only);
  EXPECT_EQ(config.storage.reserve_bytes, 1u << 30);
  EXPECT_FALSE(config.storage.upload_purging);
  EXPECT_TRUE(config.storage.upload_purging_dry_run);
  EXPECT_EQ(config.storage.upload_age, std::chrono::hours(2));
  EXPECT_EQ(config.storage.upload_purge_interval, std::chrono::hours(12));
  EXPECT_EQ(config.http.host, "https://registry.example.com");
  EXPECT_EQ(config.http.prefix, "/my/nested/");
  EXPECT_EQ(config.http.secret, "hunter2");
  EXPECT_TRUE(config.http.relative_urls);
  EXPECT_EQ(config.http.timeouts.idle, std::chrono::seconds(90));
  EXPECT_EQ(config.http.timeouts.stall, std::chrono::minutes(2));
  EXPECT_EQ(config.http.timeouts.head, std::chrono::seconds(5));
  EXPECT_EQ(config.http.drain_timeout, Millis(0));
  EXPECT_EQ(config.http.memory_bytes, 300u << 20);
  EXPECT_EQ(config.http.headers, (HeaderList{{"X-Content-Type-Options", "nosniff"}}));
  EXPECT_EQ(config.http.debug.addr, "localhost:5001");
  EXPECT_EQ(config.http.debug.prometheus_path, "/m");
  EXPECT_EQ(config.http.trusted_proxies, (std::vector<std::string>{"10.1.0.0/16", "192.0.2.1/32"}));
  ASSERT_EQ(config.health.size(), 4u);
  EXPECT_EQ(config.health[0].threshold, 3);
  EXPECT_EQ(config.health[1].target, "/tmp/down");
  EXPECT_EQ(config.health[2].status, 204);
  EXPECT_EQ(config.health[2].headers, (HeaderList{{"A", "b"}}));
  EXPECT_EQ(config.health[3].kind, HealthCheck::Kind::kTcp);
  EXPECT_EQ(config.catalog_max_entries, 50u);
  EXPECT_EQ(config.tags_max, 60u);
  EXPECT_TRUE(config.validation.urls.Allows("https://example.com/layer"));
  EXPECT_EQ(Texts(loaded), "f.yml:15:42: warning: storage.maintenance.uploadpurging.age: is rounded up to 2h\n");
}

TEST(Sections, WhatIsMissingIsNamed) {
  EXPECT_EQ(Texts(Serve(Without("version"))), "f.yml:1:1: error: version: is missing: write version: 0.1\n");
  EXPECT_EQ(Texts(Serve(Without("storage"))),
            "f.yml:1:1: error: storage: is missing: write storage: {filesystem: {rootdirectory: /var/lib/registry}}\n");
  EXPECT_EQ(Texts(Serve(Without("http"))),
            "f.yml:1:1: error: http.addr: is missing: write addr: :5000 for all "
            "interfaces, or 127.0.0.1:5000 for this machine only\n");
  EXPECT_EQ(Texts(Serve("version: 0.2\n" + Without("version"))),
            "f.yml:1:10: error: version: \"0.2\" is not known: write version: 0.1\n");
}

struct Finding {
  const char *replaced, *line, *text;
};

TEST(Sections, WhatWouldOpenRedirectOrLoseStopsTheStart) {
  const Finding kFindings[] = {
      {"", "auth: {token: {realm: r}}", "error: auth: \"token\" protects the registry"},
      {"", "auth: {htpasswd: {realm: r, path: p}}", "error: auth: \"htpasswd\" protects"},
      {"", "auth: silly", "error: auth: \"silly\" protects"},
      {"", "auth: [token]", "error: auth: \"\" protects"},
      {"", "proxy: {remoteurl: 'https://registry-1.docker.io'}",
       "error: proxy.remoteurl: a pull-through cache does not work here yet"},
      {"", "middleware: {storage: [{name: cloudfront, options: {}}]}",
       "error: middleware.storage[0].name: \"cloudfront\" does not work here"},
      {"", "database: {enabled: true}", "error: database.enabled: images that a PostgreSQL"},
      {"", "database: {enabled: prefer}", "error: database.enabled: images that a PostgreSQL"},
      {"storage", "storage: {s3: {bucket: b, secretkey: hunter2}}",
       "error: storage.s3: this storage driver does not work here yet, only filesystem does"},
      {"storage", "storage: {inmemory: {}}",
       "error: storage.inmemory: images would be lost at the next restart; use filesystem"},
      {"storage", "storage: inmemory", "error: storage: \"inmemory\" is no storage driver that works here"},
      {"storage", "storage: {filesystem: {rootdirectory: /a}, s3: {}}",
       "error: storage.s3: is a second storage driver beside filesystem; keep one of them"},
      {"storage", "storage: {filesytem: {rootdirectory: /a}}",
       "error: storage.\"filesytem\": is neither a storage driver nor a setting; did you mean filesystem?"},
      {"storage", "storage: {delete: {enabled: true}}", "error: storage: names no place for the images"},
      {"storage", "storage: {filesystem: {rootdirectory: ''}}", "error: storage.filesystem.rootdirectory: is empty"},
      {"http", "http: {addr: ':1', tls: {letsencrypt: {email: a@b.c}}}",
       "error: http.tls.letsencrypt: certificates are not ordered here"},
      {"http", "http: {addr: ':1', net: unix}", "error: http.net: Unix sockets are not served yet"},
      {"http", "http: {addr: ':1', debug: {tls: {enabled: true}}}",
       "error: http.debug.tls.enabled: TLS for the debug server"},
      {"http", "http: {addr: ':1', tls: {certificate: /dev/null, key: /dev/null, clientauth: request-client-cert}}",
       "error: http.tls.clientauth: only require-and-verify-client-cert works here yet"},
  };
  for (const Finding& finding : kFindings) {
    std::string base = *finding.replaced == '\0' ? kBase : Without(finding.replaced);
    for (const Loaded& loaded : {Serve(base + finding.line), Check(base + finding.line)}) {
      EXPECT_FALSE(loaded.config) << finding.line;
      EXPECT_NE(Texts(loaded).find(finding.text), std::string::npos) << finding.line << "\n" << Texts(loaded);
      EXPECT_EQ(Texts(loaded).find("hunter2"), std::string::npos);
    }
  }
}

TEST(Sections, WrongValuesAreErrors) {
  const Finding kFindings[] = {
      {"http", "http: {addr: 'localhost:99999'}",
       "f.yml:3:14: error: http.addr: \"99999\" is no port: ports end at 65535"},
      {"http", "http: {addr: 5000}", "error: http.addr: has no colon: write :5000"},
      {"http", "http: {addr: ':1', host: example.com}", "error: http.host: has no scheme"},
      {"http", "http: {addr: ':1', prefix: '/a b/'}", "error: http.prefix: \"/a b/\" is no path prefix"},
      {"http", "http: {addr: ':1', debug: {addr: ':1'}}",
       "error: http.debug.addr: is the address of the registry itself, :1"},
      {"http", "http: {addr: ':1', debug: {addr: 'localhost:1'}}",
       "error: http.debug.addr: is the address of the registry itself, :1"},
      {"http", "http: {addr: ':1', debug: {addr: ':2', prometheus: {enabled: true, path: /debug/health}}}",
       "error: http.debug.prometheus.path: /debug/health is another page of the debug server: write /metrics"},
      {"http", "http: {addr: ':1', debug: {addr: ':2', prometheus: {enabled: true, path: '/m?x'}}}",
       "error: http.debug.prometheus.path: is a path without query, fragment or blanks: write /metrics"},
      {"http", "http: {addr: ':1', tls: {certificate: /no/c.pem, key: /no/k.pem}}",
       "error: http.tls.certificate: \"/no/c.pem\" does not exist"},
      {"http", "http: {addr: ':1', tls: {key: /dev/null}}",
       "error: http.tls.key: certificate and key belong together: certificate is missing"},
      {"http", "http: {addr: ':1', tls: {minimumtls: tls1.4}}",
       "error: http.tls.minimumtls: is \"tls1.4\"; it may be tls1.0, tls1.1, tls1.2, tls1.3"},
      {"http", "http: {addr: ':1', tls: {ciphersuites: [TLS_AES_128_GCM_SHA255]}}",
       "is no cipher suite; did you mean TLS_AES_128_GCM_SHA256?"},
      {"http", "http: {addr: ':1', tls: {clientcas: [/no/ca.pem]}}",
       "error: http.tls.clientcas: \"/no/ca.pem\" does not exist"},
      {"http", "http: {addr: ':1', trustedproxies: [proxy]}", "error: http.trustedproxies: \"proxy\" is no network"},
      {"http", "http: {addr: ':1', draintimeout: 5}", "error: http.draintimeout: 5 has no unit"},
      {"http", "http: {addr: ':1', timeouts: {idle: 1ns}}",
       "error: http.timeouts.idle: is too short: at least 1s are needed"},
      {"http", "http: {addr: ':1', timeouts: {stall: 1ms}}", "error: http.timeouts.stall: is too short"},
      {"http", "http: {addr: ':1', timeouts: {head: 999ms}}", "error: http.timeouts.head: is too short"},
      {"storage", "storage: {filesystem: {}, maintenance: {uploadpurging: {interval: 59s}}}",
       "error: storage.maintenance.uploadpurging.interval: is too short: at least 1m are needed"},
      {"", "health: {file: [{file: /x, interval: 99ms}]}",
       "error: health.file[0].interval: is too short: at least 100ms are needed"},
      {"http", "http: {addr: ':1', secret: {a: hunter2}}", "error: http.secret: is a map where text is wanted"},
      {"http", "http: :5000", "f.yml:3:7: error: http: is a single value where a map (name: value) is wanted"},
      {"", "log: {formatter: xml}", "error: log.formatter: is \"xml\"; it may be text, json, logstash"},
      {"", "health: {tcp: [{addr: h}]}", "error: health.tcp[0].addr: \"h\" has no port"},
      {"", "health: {http: [{uri: h}]}", "error: health.http[0].uri: has no scheme"},
      {"", "health: {file: [{}]}", "error: health.file[0].file: is missing"},
      {"", "health: {file: {file: /x}}", "error: health.file: is a map where a list is wanted"},
      {"", "catalog: {maxentries: 0}", "error: catalog.maxentries: 0 is not between 1 and 1000000"},
      {"", "store: {pth: /x}", "f.yml:4:9: error: store.pth: unknown key; did you mean path?"},
      {"storage", "storage: {filesystem: {}, reserve: lots}",
       "error: storage.reserve: \"lots\" is not a size; write 256MiB or 10GiB"},
      {"", "notifications: {events: {maxsize: 1MiB}}",
       "error: notifications.events.maxsize: is too small: at least 16MiB are needed"},
      {"", "notifications: {events: {maxsize: 95%}}",
       "error: notifications.events.maxsize: \"95%\": a share of the volume is between 1% and 90%"},
  };
  for (const Finding& finding : kFindings) {
    Loaded loaded = Serve((*finding.replaced == '\0' ? kBase : Without(finding.replaced)) + finding.line);
    EXPECT_FALSE(loaded.config) << finding.line;
    EXPECT_NE(Texts(loaded).find(finding.text), std::string::npos) << finding.line << "\n" << Texts(loaded);
    EXPECT_EQ(Texts(loaded).find("hunter2"), std::string::npos);
  }
}

TEST(Sections, ATimeOfZeroOrLessIsTheDefaultWhereAShortOneIsRefused) {
  const std::string http = "http: {addr: ':1', timeouts: {idle: 0s, stall: -1s, head: 1s}}";
  const Config& config = Good(Serve(Without("http") + http));
  EXPECT_EQ(config.http.timeouts.idle, std::chrono::seconds(620));
  EXPECT_EQ(config.http.timeouts.stall, std::chrono::minutes(5));
  EXPECT_EQ(config.http.timeouts.head, std::chrono::seconds(1));
}

TEST(Sections, AHostsSchemeIsReadWithoutCase) {
  const Loaded loaded = Serve(Without("http") + "http: {addr: ':1', host: 'HTTPS://X.Y/a'}");
  EXPECT_EQ(Good(loaded).http.host, "https://X.Y/a");
}

TEST(Sections, CheckRefusesAndServePassesOverUnknownKeysElsewhere) {
  for (const char* line :
       {"htp: {}", "log: {levle: debug}", "log: {level: loud}", "health: {disk: []}", "catalog: {max: 3}"}) {
    EXPECT_TRUE(Serve(kBase + line).config) << line;
    EXPECT_FALSE(Serve(kBase + line).problems.empty()) << line;
    EXPECT_FALSE(Check(kBase + line).config) << line;
  }
  EXPECT_EQ(Texts(Check(kBase + "htp: {}")),
            "f.yml:4:1: error: htp: unknown key; did you mean http? (serve passes over it)\n");
  EXPECT_EQ(Good(Serve(kBase + "log: {level: loud}")).log.level, "info");
}

TEST(Sections, WhatHasNoEffectWarns) {
  for (const char* line :
       {"redis: {addr: 'h:1', password: hunter2}", "policy: {repository: {classes: [a]}}", "gc: {disabled: true}",
        "reporting: {sentry: {enabled: true}}", "profiling: {stackdriver: {enabled: true}}",
        "log: {hooks: [{type: mail}]}", "compatibility: {schema1: {enabled: true}}", "loglevel: debug",
        "validation: {manifests: {indexes: {platforms: list}}}",
        "validation: {manifests: {indexes: {platformlist: [{os: linux, architecture: amd64}]}}}"}) {
    for (const Loaded& loaded : {Serve(kBase + line), Check(kBase + line)}) {
      EXPECT_EQ(Good(loaded).validation, ValidationConfig());
      ASSERT_EQ(loaded.problems.size(), 1u) << line;
      EXPECT_EQ(loaded.problems[0].severity, Severity::kWarning) << line;
      EXPECT_EQ(Texts(loaded).find("hunter2"), std::string::npos);
    }
  }
}

TEST(Sections, WhatMeansNothingIsQuiet) {
  for (const char* line : {"auth:", "auth: none", "auth: {none: }", "proxy: {remoteurl: ''}", "notifications:",
                           "middleware: {storage: []}", "middleware: {storage: [{name: redirect, disabled: true}]}",
                           "database: {enabled: false, host: h}", "validation: {enabled: true}",
                           "redis:", "health:", "log: {level: trace}"}) {
    EXPECT_EQ(Texts(Check(kBase + line)), "") << line;
  }
}

}  // namespace
}  // namespace portcall::config
