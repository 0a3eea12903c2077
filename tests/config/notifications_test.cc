#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

TEST(Notifications, GitLabsOmnibusForm) {
  Config config = Good(Check(kBase + R"(notifications:
  endpoints:
    - name: test_endpoint
      url: https://gitlab.example.com/notify
      timeout: '500ms'
      threshold: 5
      backoff: '1s'
      headers:
        Authorization: [AUTHORIZATION_EXAMPLE_TOKEN]
)"));
  ASSERT_EQ(config.endpoints.size(), 1u);
  const Endpoint& e = config.endpoints[0];
  EXPECT_EQ(e.name, "test_endpoint");
  EXPECT_EQ(e.url, "https://gitlab.example.com/notify");
  EXPECT_EQ(e.timeout, Millis(500));
  EXPECT_EQ(e.threshold, 5);
  EXPECT_EQ(e.backoff, Millis(1000));
  EXPECT_EQ(e.headers, (HeaderList{{"Authorization", "AUTHORIZATION_EXAMPLE_TOKEN"}}));
  EXPECT_EQ(e.format, "docker-v1");
  EXPECT_EQ(e.order, Order::kRepository);
  EXPECT_EQ(e.concurrency, 32);
  EXPECT_FALSE(e.max_retries);
}

TEST(Notifications, GitLabsSelfCompiledFormMeansMilliseconds) {
  Loaded loaded = Check(kBase + R"(notifications:
  endpoints:
    - name: alistener
      disabled: false
      url: https://my.listener.com/event
      headers: <http.Header>
      timeout: 500
      threshold: 5
      backoff: 1000
)");
  Config config = Good(loaded);
  ASSERT_EQ(config.endpoints.size(), 1u);
  EXPECT_EQ(config.endpoints[0].timeout, Millis(500));
  EXPECT_EQ(config.endpoints[0].backoff, Millis(1000));
  EXPECT_TRUE(config.endpoints[0].headers.empty());
  EXPECT_EQ(Texts(loaded),
            "f.yml:9:16: warning: notifications.endpoints[0].headers: is a manual's placeholder and is taken as no "
            "headers; write Authorization: [value] below it\n"
            "f.yml:10:16: warning: notifications.endpoints[0].timeout: 500 has no unit and is read as milliseconds "
            "(500ms); Distribution reads nanoseconds: write 500ms\n"
            "f.yml:12:16: warning: notifications.endpoints[0].backoff: 1000 has no unit and is read as milliseconds "
            "(1s); Distribution reads nanoseconds: write 1s\n"
            "f.yml:6:5: warning: notifications.endpoints: events of one repository go in order, repositories side by "
            "side (order: repository, concurrency: 32); Distribution sent one at a time (order: strict, concurrency: "
            "1)\n");
}

TEST(Notifications, EveryKeyArrives) {
  Config config = Good(Check(kBase + R"(notifications:
  events: {includereferences: true, pull: durable, keep: 24h, maxsize: 1GiB, onfull: refuse}
  endpoints:
    - {name: a, was: old, url: "http://h:81/e?x=1", type: webhook, format: docker-v2, disabled: yes,
       headers: {X-One: [1, two], X-Two: scalar}, timeout: 3s, threshold: 4, backoff: 2s, maxbackoff: 1m,
       maxretryafter: 10m, maxretries: 7, maxage: 48h, concurrency: 3, maxparked: 9, batch: 1, ratelimit: 2.5,
       order: strict, retryontimeout: false, ignoredmediatypes: [a/b], from: earliest,
       ignore: {mediatypes: [c/d, a/b], actions: [pull, mount]}, tls: {insecureskipverify: true}}
)"));
  EXPECT_TRUE(config.events.include_references);
  EXPECT_EQ(config.events.pull, PullEvents::kDurable);
  EXPECT_EQ(config.events.keep, std::chrono::hours(24));
  EXPECT_EQ(config.events.max_bytes, 1ull << 30);
  EXPECT_EQ(config.events.on_full, OnFull::kRefuse);
  ASSERT_EQ(config.endpoints.size(), 1u);
  const Endpoint& e = config.endpoints[0];
  EXPECT_EQ(e.was, "old");
  EXPECT_EQ(e.format, "docker-v2");
  EXPECT_TRUE(e.disabled);
  EXPECT_EQ(e.headers, (HeaderList{{"X-One", "1"}, {"X-One", "two"}, {"X-Two", "scalar"}}));
  EXPECT_EQ(e.timeout, Millis(3000));
  EXPECT_EQ(e.threshold, 4);
  EXPECT_EQ(e.backoff, Millis(2000));
  EXPECT_EQ(e.max_backoff, Millis(60'000));
  EXPECT_EQ(e.max_retry_after, Millis(600'000));
  EXPECT_EQ(e.max_retries, 7);
  EXPECT_EQ(e.max_age, std::chrono::hours(48));
  EXPECT_EQ(e.concurrency, 3);
  EXPECT_EQ(e.max_parked, 9);
  EXPECT_EQ(e.batch, 1);
  EXPECT_DOUBLE_EQ(e.rate_limit, 2.5);
  EXPECT_EQ(e.order, Order::kStrict);
  EXPECT_FALSE(e.retry_on_timeout);
  EXPECT_EQ(e.ignore.media_types, (std::vector<std::string>{"a/b", "c/d"}));
  EXPECT_EQ(e.ignore.actions, (std::vector<std::string>{"pull", "mount"}));
  EXPECT_EQ(e.from, "earliest");
  EXPECT_TRUE(e.insecure_skip_verify);
}

TEST(Notifications, ZeroNegativeAndNullMeanTheDefault) {
  Config config =
      Good(Check(WithEndpoint("timeout: 0\nbackoff: -1s\nthreshold: ~\nmaxage: 0s\nmaxretries: 0\nheaders:")));
  const Endpoint& e = config.endpoints.at(0);
  EXPECT_EQ(e.timeout, Millis(10'000));
  EXPECT_EQ(e.backoff, Millis(1000));
  EXPECT_EQ(e.threshold, 10);
  EXPECT_EQ(e.max_age, std::chrono::hours(168));
  EXPECT_FALSE(e.max_retries);
  EXPECT_EQ(Good(Check(WithEndpoint("threshold: -1\nmaxretries: -1"))).endpoints.at(0).threshold, 10);
}

TEST(Notifications, PullMayBeWrittenAsYamlsOff) {
  for (const char* word : {"off", "false", "'off'"}) {
    Config config = Good(Check(kBase + "notifications: {events: {pull: " + word + ", maxsize: 30%}}"));
    EXPECT_EQ(config.events.pull, PullEvents::kOff) << word;
    EXPECT_EQ(config.events.max_percent, 30);
  }
}

TEST(Notifications, ErrorsNameLineKeyAndWhatWasMeant) {
  const Finding kFindings[] = {
      {"timout: 5s", "f.yml:8:7: error: notifications.endpoints[0].timout: unknown key; did you mean timeout?"},
      {"timeout: 5",
       "f.yml:8:16: error: notifications.endpoints[0].timeout: 5 has no unit: write 5s for seconds, or 5ms for "
       "milliseconds"},
      {"timeout: [5s]",
       "f.yml:8:16: error: notifications.endpoints[0].timeout: is a list where a duration (10s, 500ms) is wanted"},
      {"type: webhok",
       "f.yml:8:13: error: notifications.endpoints[0].type: is \"webhok\"; it may be webhook, kafka, ci, audit; did "
       "you mean "
       "webhook?"},
      {"format: docker",
       "f.yml:8:15: error: notifications.endpoints[0].format: is \"docker\"; it may be docker-v1, docker-v2, "
       "cloudevents, cloudevents-structured, harbor, dockerhub, quay, acr, keel; did you mean docker-v1?"},
      {"order: strikt",
       "f.yml:8:14: error: notifications.endpoints[0].order: is \"strikt\"; it may be repository, strict, none; did "
       "you mean strict?"},
      {"threshold: many",
       "f.yml:8:18: error: notifications.endpoints[0].threshold: is \"many\" where a whole number is wanted"},
      {"threshold: '5'", "f.yml:8:18: error: notifications.endpoints[0].threshold: is text; write 5 without quotes"},
      {"disabled: maybe",
       "f.yml:8:17: error: notifications.endpoints[0].disabled: is \"maybe\" where true or false is wanted"},
      {"disabled: 'true'",
       "f.yml:8:17: error: notifications.endpoints[0].disabled: is text; write true without quotes"},
      {"concurrency: 0", "f.yml:8:20: error: notifications.endpoints[0].concurrency: 0 is not between 1 and 1024"},
      {"concurrency: 1025",
       "f.yml:8:20: error: notifications.endpoints[0].concurrency: 1025 is not between 1 and 1024"},
      {"maxparked: 0", "f.yml:8:18: error: notifications.endpoints[0].maxparked: 0 is not between 1 and 1000000"},
      {"maxparked: 1000001",
       "f.yml:8:18: error: notifications.endpoints[0].maxparked: 1000001 is not between 1 and 1000000"},
      {"ratelimit: fast",
       "f.yml:8:18: error: notifications.endpoints[0].ratelimit: is a number of requests a second from 0.001 to "
       "1000000, 0 for no limit"},
      {"ignore: {actions: [pul]}",
       "f.yml:8:25: error: notifications.endpoints[0].ignore.actions: \"pul\" is no action: push, pull, mount, delete, "
       "refused, reload, endpoint, checkpoint, drop, replay; did you mean pull?"},
      {"ignoredmediatypes: a/b",
       "f.yml:8:26: error: notifications.endpoints[0].ignoredmediatypes: is a single value where a list is wanted: "
       "write [value, value]"},
      {"from: yesterday",
       "f.yml:8:13: error: notifications.endpoints[0].from: \"yesterday\"; it may be latest, earliest or a time like "
       "2026-01-31T08:00:00Z"},
      {"maxbackoff: 10ms", "f.yml:8:19: error: notifications.endpoints[0].maxbackoff: is shorter than backoff (1s)"},
      {"tls: {ca: /no/such.pem}",
       "f.yml:8:17: error: notifications.endpoints[0].tls.ca: \"/no/such.pem\" does not exist"},
      {"tls: {ca: /tmp}", "f.yml:8:17: error: notifications.endpoints[0].tls.ca: \"/tmp\" is a folder, not a file"},
      {"tls: {certificate: /bin/true}",
       "f.yml:8:26: error: notifications.endpoints[0].tls.certificate: certificate and key belong together: key is "
       "missing"},
      {"headers: [a]",
       "f.yml:8:16: error: notifications.endpoints[0].headers: is a list where a map is wanted: write Authorization: "
       "[value] below it"},
      {"headers: {Bearer hunter2: }",
       "f.yml:8:17: error: notifications.endpoints[0].headers: a header's name may hold letters, digits and dashes, "
       "without blanks or colons"},
      {"headers: {X-A: \"hunter2\\r\\nB: c\"}",
       "f.yml:8:22: error: notifications.endpoints[0].headers.X-A: holds a line break or another control character, "
       "which no header may"},
      {"name: b",
       "f.yml:8:7: error: notifications.endpoints[0].name: this key stands twice in the same map (first in line 6); "
       "keep one of them"},
  };
  for (const Finding& finding : kFindings) {
    Loaded loaded = Serve(WithEndpoint(finding.lines));
    EXPECT_FALSE(loaded.config) << finding.lines;
    EXPECT_EQ(Texts(loaded), finding.text + "\n");
  }
}

TEST(Notifications, KeysWithoutEffectOnlyWarn) {
  for (const char* line :
       {"queuesizelimit: 3000", "queuepurgetimeout: 5s", "headers: {Content-Length: 3}", "headers: {X-A: }"}) {
    Loaded loaded = Serve(WithEndpoint(line));
    EXPECT_TRUE(loaded.config) << Texts(loaded);
    ASSERT_EQ(loaded.problems.size(), 1u) << line;
    EXPECT_EQ(loaded.problems[0].severity, Severity::kWarning);
    EXPECT_TRUE(Good(loaded).endpoints.at(0).headers.empty());
  }
  Loaded fan_out = Serve(kBase + "notifications: {fanouttimeout: 15s}");
  EXPECT_EQ(Texts(fan_out),
            "f.yml:4:32: warning: notifications.fanouttimeout: has no effect here: an event is on disk before the push "
            "is answered, and survives a stop\n");
}

TEST(Notifications, NamesAreIdentities) {
  std::string text = kBase + R"(notifications:
  endpoints:
    - {url: "http://one.example/e"}
    - {name: a, url: "http://h/"}
    - {name: a, url: "http://h/"}
    - {name: b, was: a, url: "http://h/"}
    - {name: c}
    -
    - plain
)";
  EXPECT_EQ(Texts(Serve(text)),
            "f.yml:6:7: error: notifications.endpoints[0].name: is missing, and the backlog is kept by it: write name: "
            "one.example\n"
            "f.yml:8:14: error: notifications.endpoints[2].name: \"a\" is taken by an endpoint above: write another, "
            "like a-2\n"
            "f.yml:10:7: error: notifications.endpoints[4].url: is missing: write url: https://host/path\n"
            "f.yml:12:5: error: notifications.endpoints[5]: is an empty entry\n"
            "f.yml:12:7: error: notifications.endpoints[6]: is a single value where a map (name: value) is wanted\n"
            "f.yml:6:5: error: notifications.endpoints: was: \"a\" is the name of an endpoint in this file\n");
}

TEST(Notifications, UnknownKeysAreErrorsInServeToo) {
  EXPECT_EQ(Texts(Serve(kBase + "notifications: {event: {}, events: {pul: off}}")),
            "f.yml:4:37: error: notifications.events.pul: unknown key; did you mean pull?\n"
            "f.yml:4:17: error: notifications.event: unknown key; did you mean events?\n");
}

TEST(Notifications, SecretsAreNeverShown) {
  for (const char* lines : {"headers: {Authorization: {a: hunter2}}", "headers: hunter2", "url: 'ftp://u:hunter2@h/'",
                            "url: 'http://u:hunter2@h:port/'", "headers: {Authorization: *hunter2}",
                            "headers: {Authorization: @hunter2}", "headers: {Authorization: \"hunter2}"}) {
    Loaded loaded = Check(WithEndpoint(lines));
    EXPECT_FALSE(loaded.config) << lines;
    EXPECT_EQ(Texts(loaded).find("hunter2"), std::string::npos) << Texts(loaded);
  }
}

}  // namespace
}  // namespace portcall::config
