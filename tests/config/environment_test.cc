#include "sinks/ci/ci_config.h"
#include "sinks/http/webhook.h"
#include "sinks/kafka/kafka_config.h"
#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

// Each as Distribution 2.8.2 was seen to take it.
TEST(Variables, SetSingleValues) {
  Config config = Good(Serve(kBase, {{"REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true"},
                                     {"REGISTRY_HTTP_RELATIVEURLS", "true"},
                                     {"REGISTRY_HTTP_HOST", "https://pub.example.org:8443"},
                                     {"REGISTRY_HTTP_PREFIX", "/my/nested/"},
                                     {"REGISTRY_HTTP_ADDR", ":5005"},
                                     {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/var/lib/r"},
                                     {"REGISTRY_STORAGE_DELETE_ENABLED", "true"},
                                     {"REGISTRY_HTTP_SECRET", "hunter2"}}));
  EXPECT_TRUE(config.storage.read_only);
  EXPECT_TRUE(config.http.relative_urls);
  EXPECT_EQ(config.http.host, "https://pub.example.org:8443");
  EXPECT_EQ(config.http.prefix, "/my/nested/");
  EXPECT_EQ(config.http.addr, ":5005");
  EXPECT_EQ(config.storage.root_directory, "/var/lib/r");
  EXPECT_TRUE(config.storage.delete_enabled);
  EXPECT_EQ(config.http.secret, "hunter2");
}

TEST(Variables, SetMapsAndThenTheirMembersInTheOrderOfTheNames) {
  Config config = Good(Serve(kBase, {{"REGISTRY_STORAGE_MAINTENANCE", "{readonly: {enabled: true}}"},
                                     {"REGISTRY_HTTP", "{addr: ':1', relativeurls: true}"},
                                     {"REGISTRY_HTTP_ADDR", ":2"}}));
  EXPECT_TRUE(config.storage.read_only);
  EXPECT_TRUE(config.http.relative_urls);
  EXPECT_EQ(config.http.addr, ":2");
}

TEST(Variables, CanBeTheWholeConfiguration) {
  Config config = Good(Serve("version: 0.1", {{"REGISTRY_STORAGE", "filesystem"},
                                              {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/data"},
                                              {"REGISTRY_HTTP_ADDR", ":5000"}}));
  EXPECT_EQ(config.storage.root_directory, "/data");
}

TEST(Variables, ReachEntriesOfListsAndAppend) {
  std::string text = WithEndpoint("timeout: 1s");
  Config config = Good(Serve(text, {{"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_TIMEOUT", "7s"},
                                    {"REGISTRY_NOTIFICATIONS_ENDPOINTS_1_NAME", "b"},
                                    {"REGISTRY_NOTIFICATIONS_ENDPOINTS_1_URL", "http://b/"}}));
  ASSERT_EQ(config.endpoints.size(), 2u);
  EXPECT_EQ(config.endpoints[0].timeout, Millis(7000));
  EXPECT_EQ(config.endpoints[1].url, "http://b/");
  EXPECT_EQ(
      Texts(Serve(text, {{"REGISTRY_NOTIFICATIONS_ENDPOINTS_5_NAME", "b"}})),
      "REGISTRY_NOTIFICATIONS_ENDPOINTS_5_NAME: error: notifications.endpoints: \"5\" is no entry of this list: it "
      "has 1, counted from 0\n");
}

TEST(Variables, SetTheWholeListOfEndpointsAndTheFieldsOldName) {
  Config config =
      Good(Serve(kBase, {{"REGISTRY_NOTIFICATIONS_ENDPOINTS", "[{name: x, url: 'http://x/', headers: {A: [b]}}]"},
                         {"REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES", "true"}}));
  ASSERT_EQ(config.endpoints.size(), 1u);
  EXPECT_EQ(config.endpoints[0].name, "x");
  EXPECT_TRUE(config.events.include_references);
  EXPECT_TRUE(
      Good(Serve(kBase, {{"REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES", "true"}})).events.include_references);
}

TEST(Variables, ReachKeysWithUnderscores) {
  const std::string prefix = "REGISTRY_NOTIFICATIONS_ENDPOINTS_";
  const Config config = Good(Serve(kBase, {{prefix + "0_NAME", "t"},
                                           {prefix + "0_TYPE", "ci"},
                                           {prefix + "0_PRESET", "tekton"},
                                           {prefix + "0_URL", "http://t/"},
                                           {prefix + "0_HMAC_SECRET", "&hunter2 # x: {y}"},
                                           {prefix + "0_VARIABLES_MY_IMAGE", "{{image}}"},
                                           {prefix + "1_NAME", "w"},
                                           {prefix + "1_URL", "http://w/"},
                                           {prefix + "1_HMAC_SECRET", "hunter3"},
                                           {prefix + "1_HEADERS_X_API_KEY", "Bearer a # b"},
                                           {prefix + "1_HEADERS_X_TWO", "[a, b]"},
                                           {prefix + "2_NAME", "k"},
                                           {prefix + "2_TYPE", "kafka"},
                                           {prefix + "2_BROKERS", "h:1"},
                                           {prefix + "2_TOPIC", "t"},
                                           {prefix + "2_PROPERTIES_LINGER_MS", "20"}}));
  ASSERT_EQ(config.endpoints.size(), 3u);
  const auto ci = config.endpoints[0].As<sinks::CiConfig>();
  ASSERT_TRUE(ci);
  EXPECT_EQ(ci->words.at("hmac_secret"), "&hunter2 # x: {y}");
  EXPECT_EQ(ci->variables, (HeaderList{{"MY_IMAGE", "{{image}}"}}));
  const auto webhook = config.endpoints[1].As<sinks::WebhookConfig>();
  ASSERT_TRUE(webhook);
  EXPECT_EQ(webhook->hmac_secret, "hunter3");
  EXPECT_EQ(config.endpoints[1].headers, (HeaderList{{"x-api-key", "Bearer a # b"}, {"x-two", "a"}, {"x-two", "b"}}));
  const auto kafka = config.endpoints[2].As<sinks::KafkaConfig>();
  ASSERT_TRUE(kafka);
  EXPECT_EQ(kafka->properties, (HeaderList{{"linger.ms", "20"}}));
}

TEST(Variables, ReachTheWordsOfAPreset) {
  const std::string prefix = "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_";
  const Config github =
      Good(Serve(WithEntry("type: ci\npreset: github\nproject: o/r\ntoken: x\n"), {{prefix + "EVENT_TYPE", "pushed"}}));
  EXPECT_EQ(github.endpoints[0].As<sinks::CiConfig>()->words.at("event_type"), "pushed");
  const Config circle =
      Good(Serve(WithEntry("type: ci\npreset: circleci\nproject: gh/o/r\ntoken: x\ndefinition_id: a\n"),
                 {{prefix + "DEFINITION_ID", "b"}}));
  EXPECT_EQ(circle.endpoints[0].As<sinks::CiConfig>()->words.at("definition_id"), "b");
}

TEST(Variables, FindKeysThatStandInTheFileWhateverTheirCharacters) {
  const Config config = Good(Serve(
      WithEndpoint("headers: {X-Api-Key: a}\n"),
      {{"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_HEADERS_X_API_KEY", "b"}, {"REGISTRY_RATE_LIMITER_ENABLED", "true"}}));
  EXPECT_EQ(config.endpoints[0].headers, (HeaderList{{"X-Api-Key", "b"}}));
}

TEST(Variables, MakeMoreThanTenEntries) {
  Environment environment;
  for (int i = 0; i < 12; ++i) {
    const std::string prefix = "REGISTRY_NOTIFICATIONS_ENDPOINTS_" + std::to_string(i);
    environment[prefix + "_NAME"] = "e" + std::to_string(i);
    environment[prefix + "_URL"] = "http://h/";
  }
  const Config config = Good(Serve(kBase, environment));
  ASSERT_EQ(config.endpoints.size(), 12u);
  EXPECT_EQ(config.endpoints[11].name, "e11");
}

TEST(Variables, AreTextAsItIsWhereASingleValueStands) {
  for (const std::string text : {"hunter2 # not a comment", "&hunter2", "*hunter2", "@hunter2", "{hunter2", "[hunter2,",
                                 "a: b", "- x", "'", "!tag", "${env:X}", "null", "~", "| x", " blank "}) {
    EXPECT_EQ(Good(Serve(kBase, {{"REGISTRY_HTTP_SECRET", text}})).http.secret, text);
  }
  const Loaded quoted = Serve(kBase, {{"REGISTRY_HTTP_SECRET", "\"hunter2\""}});
  EXPECT_EQ(Good(quoted).http.secret, "\"hunter2\"");
  EXPECT_EQ(Texts(quoted),
            "REGISTRY_HTTP_SECRET: warning: http.secret: has quotes at both ends, which are part of the value\n");
}

TEST(Variables, WithoutATextChangeNothingAndSaySo) {
  const Loaded loaded = Serve(kBase + "auth: {htpasswd: {realm: r, path: p}}\n", {{"REGISTRY_AUTH", ""}});
  EXPECT_FALSE(loaded.config);
  EXPECT_EQ(Texts(loaded).find("REGISTRY_AUTH: warning: is empty and is ignored: what the file says stays\nf.yml:4:"),
            0u)
      << Texts(loaded);
  EXPECT_EQ(Good(Serve(kBase, {{"REGISTRY_HTTP_ADDR", ""}})).http.addr, ":5000");
}

TEST(Variables, ProblemsNameTheVariable) {
  struct Case {
    const char *name, *value, *text;
  };
  for (const Case& c : {
           Case{"REGISTRY_HTTP_ADDR", "5000", "REGISTRY_HTTP_ADDR: error: http.addr: has no colon: write :5000\n"},
           Case{"REGISTRY_HTTP_HEADERS", "[hunter2,",
                "REGISTRY_HTTP_HEADERS: error: not YAML: end of sequence flow not found\n"},
           Case{"REGISTRY_HTTP_TLS_CLIENTCAS", "@hunter2",
                "REGISTRY_HTTP_TLS_CLIENTCAS: error: not YAML: a value cannot begin with @, ` or %; put quotes around "
                "it\n"},
           Case{"REGISTRY_AUTH", "~",
                "REGISTRY_AUTH: error: auth: is null, which undoes what the file says: change the file\n"},
           Case{"REGISTRY_HTTP_ADDR_X", "1",
                "REGISTRY_HTTP_ADDR_X: error: http.addr: is a single value; nothing can be set below it\n"},
           Case{"REGISTRY_NOTIFICATIONS_EVENTS_PULLS", "off",
                "REGISTRY_NOTIFICATIONS_EVENTS_PULLS: error: notifications.events.pulls: unknown key; did you mean "
                "pull?\n"},
           Case{"REGISTRY_STORAGE_S3_BUCKET", "b",
                "REGISTRY_STORAGE_S3_BUCKET: error: storage.s3: is a second storage driver beside filesystem; keep one "
                "of them\n"},
       }) {
    Loaded loaded = Serve(kBase, {{c.name, c.value}});
    EXPECT_FALSE(loaded.config) << c.name;
    EXPECT_EQ(Texts(loaded), c.text);
  }
  Loaded open = Serve(kBase, {{"REGISTRY_AUTH", "{htpasswd: {realm: r, path: p}}"}});
  EXPECT_FALSE(open.config);
  EXPECT_EQ(Texts(open).find("REGISTRY_AUTH: error: auth: \"htpasswd\" protects"), 0u) << Texts(open);
}

TEST(Variables, WhatIsNoSettingOnlyWarns) {
  EXPECT_EQ(Texts(Serve(kBase, {{"REGISTRY_BOGUS_X", "1"},
                                {"REGISTRY_HTPP_ADDR", ":1"},
                                {"REGISTRY_VERSION", "0.3"},
                                {"PATH", "/bin"},
                                {"REGISTRY_CONFIGURATION_PATH", "/c"}})),
            "REGISTRY_BOGUS_X: warning: is ignored: no section has this name\n"
            "REGISTRY_HTPP_ADDR: warning: is ignored: no section has this name; did you mean http?\n"
            "REGISTRY_VERSION: warning: version: cannot be set by a variable and is ignored\n");
}

TEST(Variables, KubernetesServicesAreIgnoredInOneLine) {
  Loaded loaded = Serve(kBase, {{"REGISTRY_PORT", "tcp://10.0.0.1:5000"},
                                {"REGISTRY_PORT_5000_TCP", "tcp://10.0.0.1:5000"},
                                {"REGISTRY_PORT_5000_TCP_ADDR", "10.0.0.1"},
                                {"REGISTRY_SERVICE_HOST", "10.0.0.1"},
                                {"REGISTRY_SERVICE_PORT_HTTP", "5000"},
                                {"REGISTRY_HTTP_PORT", "tcp://10.0.0.2:80"},
                                {"REGISTRY_HTTP_SERVICE_PORT", "80"}});
  EXPECT_EQ(Good(loaded).http.addr, ":5000");
  EXPECT_EQ(
      Texts(loaded),
      "REGISTRY_HTTP_PORT: warning: variables that Kubernetes sets for a service are ignored: REGISTRY_HTTP_PORT, "
      "REGISTRY_HTTP_SERVICE_PORT, REGISTRY_PORT, REGISTRY_PORT_5000_TCP, REGISTRY_PORT_5000_TCP_ADDR, "
      "REGISTRY_SERVICE_HOST, REGISTRY_SERVICE_PORT_HTTP\n");
}

}  // namespace
}  // namespace portcall::config
